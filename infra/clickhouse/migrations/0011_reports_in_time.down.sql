DROP VIEW IF EXISTS r_turnaround_daily;
DROP VIEW IF EXISTS r_turnaround;
DROP VIEW IF EXISTS p_notified;
DROP VIEW IF EXISTS p_part_events;
DROP VIEW IF EXISTS r_technicians;
DROP VIEW IF EXISTS p_repaired;
DROP VIEW IF EXISTS r_margins;
DROP VIEW IF EXISTS p_margins;
DROP VIEW IF EXISTS p_part_costs;
DROP VIEW IF EXISTS p_quotes;
DROP VIEW IF EXISTS r_backlog;
DROP VIEW IF EXISTS p_standing;
DROP VIEW IF EXISTS p_opened;
DROP VIEW IF EXISTS p_lives;
DROP VIEW IF EXISTS p_ended;

CREATE VIEW IF NOT EXISTS p_ended AS
WITH came AS
(
    SELECT ticket_id, max(event_ts) AS ended_at
    FROM events
    WHERE event_type = 'noizylab.ticket.moved.v1' AND state_to = {state:String}
      AND event_ts >= {since:DateTime64(3, 'UTC')} AND event_ts < {until:DateTime64(3, 'UTC')}
    GROUP BY ticket_id
)
SELECT came.ticket_id AS ticket_id, came.ended_at AS ended_at, known.category AS category
FROM came
INNER JOIN
(
    SELECT ticket_id, argMax(device_category, version) AS category
    FROM ticket_snapshots
    WHERE workspace_id = {workspace:String} AND ticket_id GLOBAL IN (SELECT ticket_id FROM came)
    GROUP BY ticket_id
) AS known ON known.ticket_id = came.ticket_id;

CREATE VIEW IF NOT EXISTS p_lives AS
SELECT
    ticket_id, ended_at, category, opened_at, reworks,
    arraySum(arrayMap((s, w) -> if(s = 'touch', w, 0), kinds, lengths)) AS touch_s,
    arraySum(arrayMap((s, w) -> if(s = 'queue', w, 0), kinds, lengths)) AS queue_s,
    arraySum(arrayMap((s, w) -> if(s = 'customer', w, 0), kinds, lengths)) AS approval_s,
    arraySum(arrayMap((s, w) -> if(s = 'supplier', w, 0), kinds, lengths)) AS parts_s,
    arraySum(arrayMap((s, w) -> if(s = 'ready', w, 0), kinds, lengths)) AS ready_s,
    arraySum(arrayMap((s, w) -> if(s = 'internal', w, 0), kinds, lengths)) AS held_s,
    dateDiff('millisecond', opened_at, ended_at) / 1000 AS total_s
FROM
(
    SELECT
        e.ticket_id AS ticket_id, e.ended_at AS ended_at, e.category AS category,
        arraySort(arrayFilter(step -> step.2 <= e.ended_at, l.steps)) AS until_then,
        arrayMap(step -> step.2, until_then) AS times,
        arrayFill(state -> state != '', arrayMap(step -> step.3, until_then)) AS states,
        arrayFill(hold -> hold != '', arrayMap(step -> step.4, until_then)) AS holds,
        times[1] AS opened_at,
        arrayCount(step -> step.3 = 'rework', until_then) AS reworks,
        arrayMap((one, next) -> dateDiff('millisecond', one, next) / 1000, arrayPopBack(times), arrayPopFront(times))
            AS lengths,
        arrayMap((state, hold) -> multiIf(
            hold NOT IN ('', 'none'), if(hold = 'legal', 'internal', hold),
            state IN ('triage', 'diagnosing', 'repairing', 'qc', 'rework'), 'touch',
            state IN ('quoted', 'blocked_lock', 'awaiting_deposit'), 'customer',
            state IN ('awaiting_parts', 'outsourced'), 'supplier',
            state = 'ready', 'ready', 'queue'), arrayPopBack(states), arrayPopBack(holds)) AS kinds
    FROM p_ended(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
                 until = {until:DateTime64(3, 'UTC')}, state = {state:String}) AS e
    INNER JOIN
    (
        SELECT ticket_id, groupUniqArray((number, event_ts, state, hold)) AS steps
        FROM
        (
            SELECT ticket_id, if(event_type = 'noizylab.ticket.opened.v1', 1, version) AS number, event_ts,
                   toString(state_to) AS state, if(number = 1, 'none', '') AS hold
            FROM events
            WHERE event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1')
              AND event_ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 400 DAY
              AND event_ts < {until:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT ticket_id, version, event_ts, '',
                   if(event_type = 'noizylab.ticket.hold_released.v1', 'none', JSONExtractString(payload, 'hold'))
            FROM events
            WHERE event_type IN ('noizylab.ticket.hold_set.v1', 'noizylab.ticket.hold_released.v1')
              AND event_ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 400 DAY
              AND event_ts < {until:DateTime64(3, 'UTC')}
        )
        WHERE ticket_id GLOBAL IN
        (
            SELECT ticket_id
            FROM p_ended(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
                         until = {until:DateTime64(3, 'UTC')}, state = {state:String})
        )
        GROUP BY ticket_id
    ) AS l ON l.ticket_id = e.ticket_id
);

CREATE VIEW IF NOT EXISTS p_families AS
SELECT ticket_id, argMax(if(empty(faults), '', toString(faults[1].1)), event_ts) AS family
FROM events
WHERE event_type = 'noizylab.fault.diagnosed.v1' AND event_ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 400 DAY
  AND event_ts < {until:DateTime64(3, 'UTC')}
GROUP BY ticket_id;

CREATE VIEW IF NOT EXISTS p_opened AS
SELECT o.ticket_id AS ticket_id, o.opened_at AS opened_at, o.category AS category, a.answered_at AS answered_at,
       d.diagnosed_at AS diagnosed_at
FROM
(
    SELECT ticket_id, min(event_ts) AS opened_at, any(device_category) AS category
    FROM events
    WHERE event_type = 'noizylab.ticket.opened.v1' AND event_ts >= {since:DateTime64(3, 'UTC')}
      AND event_ts < {until:DateTime64(3, 'UTC')}
      AND coalesce(nullIf(JSONExtractString(payload, 'workspace_id'), ''), 'main') = {workspace:String}
    GROUP BY ticket_id
) AS o
LEFT JOIN
(
    SELECT ticket_id, toNullable(min(event_ts)) AS answered_at
    FROM events
    WHERE event_type = 'noizylab.ticket.moved.v1' AND event_ts >= {since:DateTime64(3, 'UTC')}
      AND state_from IN ('draft', 'booked', 'received') AND state_to NOT IN ('draft', 'booked', 'received', 'cancelled')
    GROUP BY ticket_id
) AS a ON a.ticket_id = o.ticket_id
LEFT JOIN
(
    SELECT ticket_id, toNullable(min(event_ts)) AS diagnosed_at
    FROM events
    WHERE event_type = 'noizylab.fault.diagnosed.v1' AND event_ts >= {since:DateTime64(3, 'UTC')}
    GROUP BY ticket_id
) AS d ON d.ticket_id = o.ticket_id;

CREATE VIEW IF NOT EXISTS p_standing AS
SELECT t.ticket_id AS ticket_id, t.state AS state, t.opened_at AS opened_at, t.ended_at AS ended_at
FROM
(
    SELECT
        ticket_id, argMax(state_to, if(event_type = 'noizylab.ticket.opened.v1', 1, version)) AS state,
        min(event_ts) AS opened_at,
        if(state IN ('collected', 'disposed', 'cancelled'), max(event_ts), toDateTime64('2299-01-01', 3, 'UTC'))
            AS ended_at
    FROM events
    WHERE event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1')
      AND event_ts < {until:DateTime64(3, 'UTC')}
    GROUP BY ticket_id
    HAVING ended_at >= {since:DateTime64(3, 'UTC')}
) AS t
WHERE t.ticket_id GLOBAL IN (SELECT ticket_id FROM ticket_snapshots WHERE workspace_id = {workspace:String});

CREATE VIEW IF NOT EXISTS r_backlog AS
SELECT
    state, count() AS tickets, countIf(hours < 24) AS under_1_day, countIf(hours >= 24 AND hours < 72) AS to_3_days,
    countIf(hours >= 72 AND hours < 168) AS to_7_days, countIf(hours >= 168) AS over_7_days, max(hours) AS oldest_hours
FROM
(
    SELECT state, dateDiff('second', opened_at, least({until:DateTime64(3, 'UTC')}, now64(3, 'UTC'))) / 3600 AS hours
    FROM p_standing(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
                    until = {until:DateTime64(3, 'UTC')})
    WHERE ended_at >= {until:DateTime64(3, 'UTC')}
)
GROUP BY state
ORDER BY tickets DESC, state;

CREATE VIEW IF NOT EXISTS p_quotes AS
SELECT
    q.ticket_id AS ticket_id, q.quote_hash AS quote_hash, q.prepared_at AS prepared_at, a.accepted AS accepted,
    a.declined AS declined, NOT accepted AND NOT declined AND q.valid_until < now64(3, 'UTC') AS expired
FROM
(
    SELECT ticket_id, quote_hash, min(event_ts) AS prepared_at,
           max(parseDateTime64BestEffortOrZero(JSONExtractString(payload, 'valid_until'), 3, 'UTC')) AS valid_until
    FROM events
    WHERE event_type = 'noizylab.quote.prepared.v1' AND event_ts >= {since:DateTime64(3, 'UTC')}
      AND event_ts < {until:DateTime64(3, 'UTC')}
    GROUP BY ticket_id, quote_hash
) AS q
LEFT JOIN
(
    SELECT ticket_id, quote_hash, max(event_type = 'noizylab.quote.accepted.v1') AS accepted,
           max(event_type = 'noizylab.quote.declined.v1') AS declined
    FROM events
    WHERE event_type IN ('noizylab.quote.accepted.v1', 'noizylab.quote.declined.v1')
      AND event_ts >= {since:DateTime64(3, 'UTC')}
    GROUP BY ticket_id, quote_hash
) AS a ON a.ticket_id = q.ticket_id AND a.quote_hash = q.quote_hash
WHERE q.ticket_id GLOBAL IN (SELECT ticket_id FROM ticket_snapshots WHERE workspace_id = {workspace:String});

CREATE VIEW IF NOT EXISTS p_part_costs AS
SELECT
    JSONExtractString(payload, 'sku') AS sku,
    argMax(JSONExtractInt(payload, 'unit_cost_cents'), event_ts) AS cost_cents
FROM events
WHERE event_type = 'noizylab.stock.received.v1' AND event_ts < {until:DateTime64(3, 'UTC')}
GROUP BY sku;

CREATE VIEW IF NOT EXISTS p_margins AS
SELECT
    e.ticket_id AS ticket_id, e.ended_at AS ended_at, e.category AS category, f.family AS family,
    if(a.currency = '', (SELECT argMax(toString(currency), event_ts) FROM events
                         WHERE event_type = 'noizylab.quote.prepared.v1'), a.currency) AS currency,
    a.cents AS revenue_cents, c.cents AS parts_cents
FROM p_ended(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')}, state = 'collected') AS e
LEFT JOIN
(
    SELECT ticket_id, argMax(amount_cents, event_ts) AS cents, argMax(toString(currency), event_ts) AS currency
    FROM events
    WHERE event_type = 'noizylab.quote.accepted.v1' AND event_ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 400 DAY
          AND event_ts < {until:DateTime64(3, 'UTC')}
    GROUP BY ticket_id
) AS a ON a.ticket_id = e.ticket_id
LEFT JOIN
(
    SELECT used.ticket_id AS ticket_id, sum(used.pieces * p.cost_cents) AS cents
    FROM
    (
        SELECT ticket_id, tupleElement(line, 'sku') AS sku, sum(tupleElement(line, 'quantity')) AS pieces
        FROM
        (
            SELECT DISTINCT event_id, ticket_id, part_lines
            FROM events
            WHERE event_type = 'noizylab.parts.committed.v1'
              AND event_ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 400 DAY
          AND event_ts < {until:DateTime64(3, 'UTC')}
        )
        ARRAY JOIN part_lines AS line
        GROUP BY ticket_id, sku
    ) AS used
    INNER JOIN p_part_costs(until = {until:DateTime64(3, 'UTC')}) AS p ON p.sku = used.sku
    GROUP BY ticket_id
) AS c ON c.ticket_id = e.ticket_id
LEFT JOIN p_families(since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS f
    ON f.ticket_id = e.ticket_id
WHERE e.ticket_id GLOBAL IN
(
    SELECT ticket_id FROM events
    WHERE event_type = 'noizylab.ticket.moved.v1' AND state_from = 'qc' AND state_to = 'ready'
      AND event_ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 400 DAY
          AND event_ts < {until:DateTime64(3, 'UTC')}
);

CREATE VIEW IF NOT EXISTS r_margins AS
SELECT
    category, family, currency, count() AS tickets, sum(m.revenue_cents) AS revenue_cents,
    sum(m.parts_cents) AS parts_cents, revenue_cents - parts_cents AS margin_cents,
    if(revenue_cents > 0, margin_cents / revenue_cents, NULL) AS margin_rate
FROM p_margins(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')}) AS m
GROUP BY category, family, currency
ORDER BY margin_cents DESC, category, family, currency;

CREATE VIEW IF NOT EXISTS p_repaired AS
SELECT
    came.ticket_id AS ticket_id, came.ready_at AS ready_at, known.category AS category, f.family AS family,
    if(came.repaired_by != '', came.repaired_by, known.assigned) AS technician,
    came.ticket_id GLOBAL IN
    (
        SELECT ticket_id FROM events
        WHERE event_type = 'noizylab.ticket.moved.v1' AND state_to = 'rework'
          AND event_ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 400 DAY
          AND event_ts < {until:DateTime64(3, 'UTC')}
    ) AS reworked,
    came.ticket_id GLOBAL IN
    (
        SELECT ticket_id FROM events
        WHERE event_type = 'noizylab.ticket.warranty_claimed.v1' AND event_ts >= {since:DateTime64(3, 'UTC')}
    ) AS claimed
FROM
(
    SELECT ticket_id, max(event_ts) AS ready_at,
           argMax(JSONExtractString(payload, 'evidence', 'repaired_by'), event_ts) AS repaired_by
    FROM events
    WHERE event_type = 'noizylab.ticket.moved.v1' AND state_from = 'qc' AND state_to = 'ready'
      AND event_ts >= {since:DateTime64(3, 'UTC')}
      AND event_ts < {until:DateTime64(3, 'UTC')}
    GROUP BY ticket_id
) AS came
INNER JOIN
(
    SELECT ticket_id, argMax(device_category, version) AS category, argMax(technician, version) AS assigned
    FROM ticket_snapshots
    WHERE workspace_id = {workspace:String}
    GROUP BY ticket_id
) AS known ON known.ticket_id = came.ticket_id
LEFT JOIN p_families(since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS f
    ON f.ticket_id = came.ticket_id;

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
                r.technician AS technician, r.reworked OR r.claimed AS failed, l.touch_s / 3600 AS hours,
                avg(failed) OVER (PARTITION BY r.category, r.family) AS usual_failed,
                avg(hours) OVER (PARTITION BY r.category, r.family) AS usual_hours
            FROM p_repaired(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
                until = {until:DateTime64(3, 'UTC')}) AS r
            LEFT JOIN p_lives(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
                until = {until:DateTime64(3, 'UTC')}, state = 'ready') AS l ON l.ticket_id = r.ticket_id
        )
        GROUP BY technician
    )
)
ORDER BY completed DESC, technician;

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
WHERE ticket_id GLOBAL IN (SELECT ticket_id FROM ticket_snapshots WHERE workspace_id = {workspace:String});

CREATE VIEW IF NOT EXISTS p_notified AS
SELECT event_id, any(event_ts) AS at, any(toString(e.template)) AS template, any(toString(e.channel)) AS channel,
       any(e.event_type) AS kind
FROM events AS e
WHERE event_type IN ('noizylab.notification.sent.v1', 'noizylab.notification.failed.v1',
                     'noizylab.notification.deferred.v1')
  AND event_ts >= {since:DateTime64(3, 'UTC')}
      AND event_ts < {until:DateTime64(3, 'UTC')}
  AND ticket_id GLOBAL IN (SELECT ticket_id FROM ticket_snapshots WHERE workspace_id = {workspace:String})
GROUP BY event_id;

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
        until = {until:DateTime64(3, 'UTC')}, state = 'collected')
)
GROUP BY spent.1
ORDER BY indexOf(['touch', 'queue', 'approval', 'parts', 'held', 'ready', 'shop_controllable', 'total'], spent.1);

CREATE VIEW IF NOT EXISTS r_turnaround_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    quantileExactInclusiveOrNull(0.5)(total_s) / 3600 AS value
FROM
(
    SELECT *, toDate(ended_at) AS on_day
    FROM p_lives(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')}, state = 'collected')
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;
