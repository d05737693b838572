-- Most of what a figure of some weeks takes is the planning of its query, and that grows with the size of its
-- expressions: one function over a list of kinds instead of one for each, and a join instead of a table of costs that
-- stands in the query as a constant. What the views say is as before.
DROP VIEW IF EXISTS r_turnaround;
DROP VIEW IF EXISTS p_lives;
DROP VIEW IF EXISTS p_margins;

-- Tickets that came to {state}, with the kinds of what each was in until then, and how long, in seconds, day and night.
-- A ticket on hold waits for whom it is held, whatever its state.
CREATE VIEW IF NOT EXISTS p_lives AS
SELECT
    ticket_id, ended_at, category, family, technician, repairs, reworked, claimed,
    kinds, lengths, arraySum((kind, length) -> if(kind = 'touch', length, 0), kinds, lengths) AS touch_s,
    dateDiff('millisecond', opened_at, ended_at) / 1000 AS total_s
FROM
(
    SELECT
        ticket_id, ended_at, opened_at, category, family, technician, repairs, reworked, claimed,
        arraySort(arrayFilter(step -> step.at <= ended_at, steps)) AS until_then,
        tupleElement(until_then, 'at') AS times,
        arrayFill(state -> state != '', tupleElement(until_then, 'state')) AS states,
        arrayFill(hold -> hold != '', tupleElement(until_then, 'hold')) AS holds,
        arrayMap((one, next) -> dateDiff('millisecond', one, next) / 1000, arrayPopBack(times), arrayPopFront(times))
            AS lengths,
        arrayMap((state, hold) -> multiIf(
            hold = 'legal', 'internal', hold NOT IN ('', 'none'), toString(hold),
            state IN ('triage', 'diagnosing', 'repairing', 'qc', 'rework'), 'touch',
            state IN ('quoted', 'blocked_lock', 'awaiting_deposit'), 'customer',
            state IN ('awaiting_parts', 'outsourced'), 'supplier',
            state = 'ready', 'ready', 'queue'), arrayPopBack(states), arrayPopBack(holds)) AS kinds
    FROM p_ended(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')}, state = {state:String}, came_from = {came_from:String})
);

CREATE VIEW IF NOT EXISTS r_turnaround AS
SELECT
    phase, count() AS tickets, quantileExactInclusive(0.5)(spent) / 3600 AS p50_hours,
    quantileExactInclusive(0.95)(spent) / 3600 AS p95_hours, avg(spent) / 3600 AS mean_hours,
    if(sum(total_s) > 0, sum(spent) / sum(total_s), 0) AS share
FROM
(
    SELECT
        total_s,
        arrayMap(one -> arraySum((kind, length) -> if(kind = one, length, 0), kinds, lengths),
            ['touch', 'queue', 'customer', 'supplier', 'internal', 'ready']) AS by_kind,
        arrayConcat(by_kind, [by_kind[1] + by_kind[2], total_s]) AS all_spent
    FROM p_lives(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')}, state = 'collected', came_from = '')
)
ARRAY JOIN
    ['touch', 'queue', 'approval', 'parts', 'held', 'ready', 'shop_controllable', 'total'] AS phase,
    all_spent AS spent
GROUP BY phase
ORDER BY indexOf(['touch', 'queue', 'approval', 'parts', 'held', 'ready', 'shop_controllable', 'total'], phase);

-- Repaired tickets that were collected in the period, each with its price and the cost of its parts.
CREATE VIEW IF NOT EXISTS p_margins AS
SELECT
    line.ticket_id AS ticket_id, any(line.ended_at) AS ended_at, any(line.category) AS category,
    any(line.family) AS family, any(line.revenue.currency) AS currency, any(line.revenue.cents) AS revenue_cents,
    sum(line.pieces * cost.cost_cents) AS parts_cents
FROM
(
    SELECT
        ticket_id, ended_at, category, family, revenue, part.sku AS sku,
        if(part.at < {until:DateTime64(3, 'UTC')}, part.pieces, 0) AS pieces
    FROM p_ended(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')}, state = 'collected', came_from = '')
    LEFT ARRAY JOIN used AS part
    WHERE repaired
) AS line
LEFT JOIN p_part_costs(until = {until:DateTime64(3, 'UTC')}) AS cost ON cost.sku = line.sku
GROUP BY line.ticket_id;
