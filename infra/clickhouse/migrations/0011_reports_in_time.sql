-- The views that figures of a period are made of, once more: each finds its tickets by the primary key of `events`, and
-- reads what it needs of them in `tickets`. What they say is as before, but that a ticket's life is no longer cut off
-- 400 days back. A ticket's row may stand in several parts until they are merged, and on several shards: so it is put
-- together by GROUP BY, and its lists may name one thing twice, which changes nothing where a list is not added up.
DROP VIEW IF EXISTS p_families;
DROP VIEW IF EXISTS p_ended;
DROP VIEW IF EXISTS p_lives;
DROP VIEW IF EXISTS r_turnaround;
DROP VIEW IF EXISTS r_turnaround_daily;
DROP VIEW IF EXISTS p_opened;
DROP VIEW IF EXISTS r_backlog;
DROP VIEW IF EXISTS p_standing;
DROP VIEW IF EXISTS p_quotes;
DROP VIEW IF EXISTS p_part_costs;
DROP VIEW IF EXISTS r_margins;
DROP VIEW IF EXISTS p_margins;
DROP VIEW IF EXISTS p_repaired;
DROP VIEW IF EXISTS r_technicians;
DROP VIEW IF EXISTS p_part_events;
DROP VIEW IF EXISTS p_notified;

-- Tickets that came to {state} in the period, and from {came_from} if that is not empty, for the last time in it.
CREATE VIEW IF NOT EXISTS p_ended AS
WITH came AS
(
    SELECT ticket_id, max(event_ts) AS ended_at
    FROM events
    WHERE event_type = 'noizylab.ticket.moved.v1' AND state_to = {state:String}
      AND ({came_from:String} = '' OR state_from = {came_from:String})
      AND event_ts >= {since:DateTime64(3, 'UTC')} AND event_ts < {until:DateTime64(3, 'UTC')}
    GROUP BY ticket_id
)
SELECT
    known.ticket_id AS ticket_id, came.ended_at AS ended_at, known.opened_at AS opened_at, known.category AS category,
    known.technician AS technician, known.family AS family, known.repaired AS repaired, known.reworked AS reworked,
    known.claimed AS claimed, known.repairs AS repairs, known.revenue AS revenue, known.used AS used,
    known.steps AS steps
FROM came
INNER JOIN
(
    SELECT
        ticket_id, assumeNotNull(min(tickets.opened_at)) AS opened_at, argMaxMerge(tickets.category) AS category,
        argMaxMerge(tickets.technician) AS technician,
        ifNull(min(passed_at) < {until:DateTime64(3, 'UTC')}, false) AS repaired,
        ifNull(min(reworked_at) < {until:DateTime64(3, 'UTC')}, false) AS reworked,
        ifNull(max(claimed_at) >= {since:DateTime64(3, 'UTC')}, false) AS claimed,
        groupArrayArray(tickets.repairs) AS repairs, groupUniqArrayArray(tickets.used) AS used,
        groupArrayArray(tickets.steps) AS steps,
        arraySort(arrayFilter(one -> one.at < {until:DateTime64(3, 'UTC')},
            groupArrayArray(tickets.diagnoses)))[-1].family AS family,
        arraySort(arrayFilter(one -> one.accepted AND one.at < {until:DateTime64(3, 'UTC')},
            groupArrayArray(tickets.answers)))[-1] AS revenue
    FROM tickets
    WHERE ticket_id GLOBAL IN (SELECT ticket_id FROM came)
    GROUP BY ticket_id
    HAVING max(workspace_id) = {workspace:String}
) AS known ON known.ticket_id = came.ticket_id;

-- The same with how long each was in which kind of state until then, in seconds, day and night. A ticket on hold waits
-- for whom it is held, whatever its state.
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

-- Tickets of the workspace by when they were opened, in the period, with the first moment somebody did something.
CREATE VIEW IF NOT EXISTS p_opened AS
SELECT
    ticket_id, assumeNotNull(min(tickets.opened_at)) AS opened_at, argMaxMerge(tickets.category) AS category,
    min(tickets.answered_at) AS answered_at, min(tickets.diagnosed_at) AS diagnosed_at
FROM tickets
WHERE ticket_id GLOBAL IN
(
    SELECT ticket_id
    FROM events
    WHERE event_type = 'noizylab.ticket.opened.v1'
      AND event_ts >= {since:DateTime64(3, 'UTC')} AND event_ts < {until:DateTime64(3, 'UTC')}
)
GROUP BY ticket_id
HAVING max(workspace_id) = {workspace:String};

-- Tickets of the workspace that were open for some of the period, and when they ended, if before its end. One of which
-- every row says that its last move ended it before the period, was not; of the others all rows are put together.
CREATE VIEW IF NOT EXISTS p_standing AS
SELECT
    ticket_id, opened_at,
    if(notEmpty(until_then) AND until_then[-1].ended, until_then[-1].at, toDateTime64('2299-01-01', 3, 'UTC'))
        AS ended_at
FROM
(
    SELECT
        ticket_id, min(tickets.opened_at) AS opened_at,
        arraySort(arrayFilter(move -> move.at < {until:DateTime64(3, 'UTC')}, groupArrayArray(tickets.ends)))
            AS until_then
    FROM tickets
    WHERE ticket_id GLOBAL IN
    (
        SELECT ticket_id
        FROM tickets
        WHERE moved_at IS NOT NULL AND NOT ifNull(opened_at >= {until:DateTime64(3, 'UTC')}, 0)
          AND NOT ifNull(opened_at IS NOT NULL AND closed_at = moved_at AND closed_at < {since:DateTime64(3, 'UTC')}, 0)
    )
    GROUP BY ticket_id
    HAVING max(workspace_id) = {workspace:String} AND opened_at < {until:DateTime64(3, 'UTC')}
)
WHERE ended_at >= {since:DateTime64(3, 'UTC')};

CREATE VIEW IF NOT EXISTS r_backlog AS
SELECT
    state, count() AS tickets, countIf(hours < 24) AS under_1_day, countIf(hours >= 24 AND hours < 72) AS to_3_days,
    countIf(hours >= 72 AND hours < 168) AS to_7_days, countIf(hours >= 168) AS over_7_days, max(hours) AS oldest_hours
FROM
(
    SELECT
        arrayFilter(step -> step.state != '' AND step.at < {until:DateTime64(3, 'UTC')},
            groupArrayArray(tickets.steps)) AS moves,
        toString(arraySort(moves)[-1].state) AS state, assumeNotNull(min(tickets.opened_at)) AS opened_at,
        dateDiff('second', opened_at, least({until:DateTime64(3, 'UTC')}, now64(3, 'UTC'))) / 3600 AS hours
    FROM tickets
    WHERE ticket_id GLOBAL IN
    (
        SELECT ticket_id
        FROM p_standing(workspace = {workspace:String}, since = {until:DateTime64(3, 'UTC')},
            until = {until:DateTime64(3, 'UTC')})
    )
    GROUP BY ticket_id
)
GROUP BY state
ORDER BY tickets DESC, state;

-- Every quote that was prepared in the period, with the answer that it has by now.
CREATE VIEW IF NOT EXISTS p_quotes AS
SELECT
    ticket_id, quote.at AS prepared_at,
    arrayExists(answer -> answer.quote = quote.quote AND answer.accepted, answers) AS accepted,
    arrayExists(answer -> answer.quote = quote.quote AND NOT answer.accepted, answers) AS declined,
    NOT accepted AND NOT declined AND quote.valid_until < now64(3, 'UTC') AS expired
FROM
(
    SELECT ticket_id, groupUniqArrayArray(tickets.quotes) AS quotes, groupArrayArray(tickets.answers) AS answers
    FROM tickets
    WHERE ticket_id GLOBAL IN
    (
        SELECT ticket_id
        FROM events
        WHERE event_type = 'noizylab.quote.prepared.v1'
          AND event_ts >= {since:DateTime64(3, 'UTC')} AND event_ts < {until:DateTime64(3, 'UTC')}
    )
    GROUP BY ticket_id
    HAVING max(workspace_id) = {workspace:String}
)
ARRAY JOIN quotes AS quote
WHERE prepared_at >= {since:DateTime64(3, 'UTC')} AND prepared_at < {until:DateTime64(3, 'UTC')};

-- What parts cost: the unit cost of the newest receipt of each before the end of the period.
CREATE VIEW IF NOT EXISTS p_part_costs AS
SELECT toString(e.sku) AS sku, argMax(unit_cost_cents, event_ts) AS cost_cents
FROM events AS e
WHERE event_type = 'noizylab.stock.received.v1' AND event_ts < {until:DateTime64(3, 'UTC')}
GROUP BY sku;

-- Repaired tickets that were collected in the period, each with its price and the cost of its parts.
CREATE VIEW IF NOT EXISTS p_margins AS
WITH (SELECT (groupArray(sku), groupArray(cost_cents)) FROM p_part_costs(until = {until:DateTime64(3, 'UTC')})) AS costs
SELECT
    ticket_id, ended_at, category, family, revenue.currency AS currency, revenue.cents AS revenue_cents,
    arraySum(one -> if(one.at < {until:DateTime64(3, 'UTC')},
        one.pieces * transform(one.sku, costs.1, costs.2, 0), 0), used) AS parts_cents
FROM p_ended(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')}, state = 'collected', came_from = '')
WHERE repaired;

-- Repairs that passed their check in the period: whether they failed one before, and whether they have come back under
-- warranty by now.
CREATE VIEW IF NOT EXISTS p_repaired AS
SELECT ticket_id, ended_at AS ready_at, reworked, claimed
FROM p_ended(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')}, state = 'ready', came_from = 'qc');

-- Failures (rework or warranty return) of each technician beside what the shop as a whole has on the same faults:
-- indirect standardisation, and the ratio shrunk to 1 by empirical Bayes (Clayton and Kaldor, Biometrics 43, 1987):
-- Gamma(a, a) prior, a = 1 / t2, t2 = (sum E (O / E - 1)^2 - (n - 1)) / sum E by moments; posterior mean
-- (a + O) / (a + E); t2 is taken for 0.02 at least, since no two people work alike. Its
-- interval is that of the Gamma distribution by the cube root of Wilson and Hilferty (1931).
-- Hands-on hours beside those that the shop takes for the same faults on average.
CREATE VIEW IF NOT EXISTS r_technicians AS
SELECT
    technician, completed, failures, expected_failures, (a + failures) / (a + expected_failures) AS failure_ratio,
    k * pow(1 - 1 / (9 * k) - 1.96 / (3 * sqrt(k)), 3) / (a + expected_failures) AS low_95,
    k * pow(1 - 1 / (9 * k) + 1.96 / (3 * sqrt(k)), 3) / (a + expected_failures) AS high_95,
    touch_hours, expected_touch_hours
FROM
(
    SELECT
        *, a + failures AS k,
        1 / greatest(0.02, (sum(off) OVER () - (count() OVER () - 1))
                           / greatest(1e-9, sum(expected_failures) OVER ())) AS a
    FROM
    (
        SELECT
            technician, count() AS completed, sum(failed) AS failures, sum(usual_failed) AS expected_failures,
            if(expected_failures > 0, pow(failures - expected_failures, 2) / expected_failures, 0) AS off,
            avg(hours) AS touch_hours, avg(usual_hours) AS expected_touch_hours
        FROM
        (
            SELECT
                arrayFirst(repair -> repair.at = ended_at, repairs).technician AS repaired_by,
                if(repaired_by != '', repaired_by, l.technician) AS technician,
                reworked OR claimed AS failed, touch_s / 3600 AS hours,
                avg(failed) OVER (PARTITION BY category, family) AS usual_failed,
                avg(hours) OVER (PARTITION BY category, family) AS usual_hours
            FROM p_lives(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
                until = {until:DateTime64(3, 'UTC')}, state = 'ready', came_from = 'qc') AS l
        )
        GROUP BY technician
    )
)
ORDER BY completed DESC, technician;

-- What happened to parts in the period, an event and a line a row.
CREATE VIEW IF NOT EXISTS p_part_events AS
WITH said AS
(
    SELECT DISTINCT event_id, event_type, event_ts, ticket_id, part_lines, missing_lines
    FROM events
    WHERE event_type IN ('noizylab.parts.committed.v1', 'noizylab.parts.short.v1')
      AND event_ts >= {since:DateTime64(3, 'UTC')}
      AND event_ts < {until:DateTime64(3, 'UTC')}
)
SELECT
    ticket_id, event_ts, tupleElement(line, 1) AS sku, tupleElement(line, 2) AS used, tupleElement(line, 3) AS missing
FROM said
ARRAY JOIN arrayConcat(
    if(event_type = 'noizylab.parts.committed.v1',
       arrayMap(one -> (tupleElement(one, 'sku'), tupleElement(one, 'quantity'), toUInt32(0)), part_lines), []),
    arrayMap(one -> (tupleElement(one, 'sku'), toUInt32(0), tupleElement(one, 'quantity')), missing_lines)) AS line
WHERE ticket_id GLOBAL IN
(
    SELECT ticket_id FROM tickets
    WHERE workspace_id = {workspace:String} AND ticket_id GLOBAL IN
    (
        SELECT ticket_id FROM events
        WHERE event_type IN ('noizylab.parts.committed.v1', 'noizylab.parts.short.v1')
          AND event_ts >= {since:DateTime64(3, 'UTC')} AND event_ts < {until:DateTime64(3, 'UTC')}
    )
);

CREATE VIEW IF NOT EXISTS p_notified AS
SELECT event_id, any(event_ts) AS at, any(toString(e.template)) AS template, any(toString(e.channel)) AS channel,
       any(e.event_type) AS kind
FROM events AS e
WHERE event_type IN ('noizylab.notification.sent.v1', 'noizylab.notification.failed.v1',
                     'noizylab.notification.deferred.v1')
  AND event_ts >= {since:DateTime64(3, 'UTC')}
      AND event_ts < {until:DateTime64(3, 'UTC')}
  AND ticket_id GLOBAL IN
  (
      SELECT ticket_id FROM tickets
      WHERE workspace_id = {workspace:String} AND ticket_id GLOBAL IN
      (
          SELECT ticket_id FROM events
          WHERE event_type IN ('noizylab.notification.sent.v1', 'noizylab.notification.failed.v1',
                               'noizylab.notification.deferred.v1')
            AND event_ts >= {since:DateTime64(3, 'UTC')} AND event_ts < {until:DateTime64(3, 'UTC')}
      )
  )
GROUP BY event_id;

-- Repairs without a quote, those under warranty, are in the currency of the newest quote of the house.
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

CREATE VIEW IF NOT EXISTS r_turnaround_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    quantileExactInclusiveOrNull(0.5)(total_s) / 3600 AS value
FROM
(
    SELECT dateDiff('millisecond', opened_at, ended_at) / 1000 AS total_s, toDate(ended_at) AS on_day
    FROM p_ended(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')}, state = 'collected', came_from = '')
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;
