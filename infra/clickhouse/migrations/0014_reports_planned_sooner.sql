-- Half of what a figure of some weeks takes is the planning of its query, which grows with its expressions and runs what
-- stands in them as constants: one function over a list of kinds instead of one for each, and the currency of the house
-- out of a few rows instead of every quote. What the views say is as before.
DROP VIEW IF EXISTS r_turnaround;
DROP VIEW IF EXISTS r_margins;
DROP VIEW IF EXISTS p_lives;

-- Tickets that came to {state}, with the kinds of what each was in until then, and how long, in seconds, day and night:
-- 1 touch, 2 queue, 3 waiting for the customer, 4 for a supplier, 5 for the shop, 6 ready. A ticket on hold waits for
-- whom it is held, whatever its state.
CREATE VIEW IF NOT EXISTS p_lives AS
SELECT
    ticket_id, ended_at, category, family, technician, repairs, reworked, claimed,
    kinds, lengths, arraySum((kind, length) -> if(kind = 1, length, 0), kinds, lengths) AS touch_s,
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
            hold = 'customer', 3, hold = 'supplier', 4, hold IN ('internal', 'legal'), 5,
            state IN ('triage', 'diagnosing', 'repairing', 'qc', 'rework'), 1,
            state IN ('quoted', 'blocked_lock', 'awaiting_deposit'), 3,
            state IN ('awaiting_parts', 'outsourced'), 4,
            state = 'ready', 6, 2), arrayPopBack(states), arrayPopBack(holds)) AS kinds
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
        arrayMap(one -> arraySum((kind, length) -> if(kind = one, length, 0), kinds, lengths), [1, 2, 3, 4, 5, 6])
            AS by_kind,
        arrayConcat(by_kind, [by_kind[1] + by_kind[2], total_s]) AS all_spent
    FROM p_lives(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')}, state = 'collected', came_from = '')
)
ARRAY JOIN
    ['touch', 'queue', 'approval', 'parts', 'held', 'ready', 'shop_controllable', 'total'] AS phase,
    all_spent AS spent
GROUP BY phase
ORDER BY indexOf(['touch', 'queue', 'approval', 'parts', 'held', 'ready', 'shop_controllable', 'total'], phase);

-- Repairs without a quote, those under warranty, are in the currency of the newest quote of the house.
CREATE VIEW IF NOT EXISTS r_margins AS
SELECT
    category, family,
    if(m.currency != '', m.currency,
       (SELECT argMax(toString(currency), last_ts) FROM kpi_daily
        WHERE event_type = 'noizylab.quote.prepared.v1')) AS currency,
    count() AS tickets, sum(m.revenue_cents) AS revenue_cents,
    sum(m.parts_cents) AS parts_cents, revenue_cents - parts_cents AS margin_cents,
    if(revenue_cents > 0, margin_cents / revenue_cents, NULL) AS margin_rate
FROM p_margins(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')}) AS m
GROUP BY category, family, currency
ORDER BY margin_cents DESC, category, family, currency;
