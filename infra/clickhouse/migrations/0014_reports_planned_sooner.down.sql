DROP VIEW IF EXISTS r_turnaround;
DROP VIEW IF EXISTS r_margins;
DROP VIEW IF EXISTS p_lives;

CREATE VIEW IF NOT EXISTS p_lives AS
SELECT
    ticket_id, ended_at, category, family, technician, repairs, reworked, claimed,
    arraySum((kind, length) -> if(kind = 'touch', length, 0), kinds, lengths) AS touch_s,
    arraySum((kind, length) -> if(kind = 'queue', length, 0), kinds, lengths) AS queue_s,
    arraySum((kind, length) -> if(kind = 'customer', length, 0), kinds, lengths) AS approval_s,
    arraySum((kind, length) -> if(kind = 'supplier', length, 0), kinds, lengths) AS parts_s,
    arraySum((kind, length) -> if(kind = 'ready', length, 0), kinds, lengths) AS ready_s,
    arraySum((kind, length) -> if(kind = 'internal', length, 0), kinds, lengths) AS held_s,
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
    spent.1 AS phase, count() AS tickets, quantileExactInclusive(0.5)(spent.2) / 3600 AS p50_hours,
    quantileExactInclusive(0.95)(spent.2) / 3600 AS p95_hours, avg(spent.2) / 3600 AS mean_hours,
    if(sum(total_s) > 0, sum(spent.2) / sum(total_s), 0) AS share
FROM
(
    SELECT total_s, arrayJoin([('touch', touch_s), ('queue', queue_s), ('approval', approval_s), ('parts', parts_s),
                               ('held', held_s), ('ready', ready_s), ('shop_controllable', touch_s + queue_s),
                               ('total', total_s)]) AS spent
    FROM p_lives(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')}, state = 'collected', came_from = '')
)
GROUP BY spent.1
ORDER BY indexOf(['touch', 'queue', 'approval', 'parts', 'held', 'ready', 'shop_controllable', 'total'], spent.1);

CREATE VIEW IF NOT EXISTS r_margins AS
SELECT
    category, family,
    if(m.currency != '', m.currency,
       ifNull((SELECT CAST(currency, 'Nullable(String)') FROM events WHERE event_type = 'noizylab.quote.prepared.v1'
               ORDER BY event_ts DESC LIMIT 1), '')) AS currency,
    count() AS tickets, sum(m.revenue_cents) AS revenue_cents,
    sum(m.parts_cents) AS parts_cents, revenue_cents - parts_cents AS margin_cents,
    if(revenue_cents > 0, margin_cents / revenue_cents, NULL) AS margin_rate
FROM p_margins(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')}) AS m
GROUP BY category, family, currency
ORDER BY margin_cents DESC, category, family, currency;
