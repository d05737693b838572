-- The figures of a workspace over a period: parameterised views, read as
--   SELECT * FROM r_turnaround(workspace = 'main', since = '2026-10-01', until = '2026-11-01')
-- Times are moments in UTC; `since` belongs to the period, `until` does not. What each says in words stands in
-- processors/analytics/reports.py, under the view's name. Views `r_..._daily` give the main number of every day, and
-- that of the whole period with `day` empty. Views `p_...` are what these are made of.
--
-- Events are made one before they are counted, by ticket and version or by their id, so one that the log holds twice
-- counts once. Which ticket belongs to which workspace is what its newest snapshot says.

-- Tickets that came to {state} in the period, for the last time in it.
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

-- The same with how long each was in which kind of state until then, in seconds, day and night. A ticket on hold waits
-- for whom it is held, whatever its state. What lies more than 400 days back is left out.
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

-- The fault that the newest diagnosis of a ticket puts first.
CREATE VIEW IF NOT EXISTS p_families AS
SELECT ticket_id, argMax(if(empty(faults), '', toString(faults[1].1)), event_ts) AS family
FROM events
WHERE event_type = 'noizylab.fault.diagnosed.v1' AND event_ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 400 DAY
  AND event_ts < {until:DateTime64(3, 'UTC')}
GROUP BY ticket_id;

-- Tickets of the workspace by when they were opened, in the period, with the first moment somebody did something.
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

-- Backlog: every ticket of the workspace with its state at the end of the period.
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

CREATE VIEW IF NOT EXISTS r_backlog_daily AS
SELECT nullIf(moment.2, toDate('1970-01-01')) AS day, countIf(opened_at < moment.1 AND ended_at >= moment.1) AS value
FROM
(
    SELECT
        opened_at, ended_at,
        arrayJoin(arrayConcat(
            [({until:DateTime64(3, 'UTC')}, toDate('1970-01-01'))],
            arrayMap(number -> (least({since:DateTime64(3, 'UTC')} + toIntervalDay(number + 1),
                                      {until:DateTime64(3, 'UTC')}),
                                toDate({since:DateTime64(3, 'UTC')} + toIntervalDay(number))),
                     range(toUInt32(ceil(dateDiff('second', {since:DateTime64(3, 'UTC')},
                                                  {until:DateTime64(3, 'UTC')}) / 86400)))))) AS moment
    FROM p_standing(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
                    until = {until:DateTime64(3, 'UTC')})
)
GROUP BY moment
ORDER BY day;

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


CREATE VIEW IF NOT EXISTS r_first_response AS
SELECT
    category, count() AS tickets, countIf(answered_at IS NULL) AS waiting,
    quantileExactInclusiveOrNull(0.5)(dateDiff('second', opened_at, answered_at)) / 3600 AS p50_hours,
    quantileExactInclusiveOrNull(0.95)(dateDiff('second', opened_at, answered_at)) / 3600 AS p95_hours
FROM p_opened(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')})
GROUP BY category
ORDER BY tickets DESC, category;

CREATE VIEW IF NOT EXISTS r_first_response_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    quantileExactInclusiveOrNull(0.5)(dateDiff('second', opened_at, answered_at)) / 3600 AS value
FROM
(
    SELECT *, toDate(opened_at) AS on_day
    FROM p_opened(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;


CREATE VIEW IF NOT EXISTS r_time_to_diagnosis AS
SELECT
    category, count() AS tickets, countIf(diagnosed_at IS NULL) AS waiting,
    quantileExactInclusiveOrNull(0.5)(dateDiff('second', opened_at, diagnosed_at)) / 3600 AS p50_hours,
    quantileExactInclusiveOrNull(0.95)(dateDiff('second', opened_at, diagnosed_at)) / 3600 AS p95_hours
FROM p_opened(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')})
GROUP BY category
ORDER BY tickets DESC, category;

CREATE VIEW IF NOT EXISTS r_time_to_diagnosis_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    quantileExactInclusiveOrNull(0.5)(dateDiff('second', opened_at, diagnosed_at)) / 3600 AS value
FROM
(
    SELECT *, toDate(opened_at) AS on_day
    FROM p_opened(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;


-- Every quote that was prepared in the period, with the answer that it has by now.
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

-- The funnel of tickets: one with several quotes counts once, by the best that became of them.
CREATE VIEW IF NOT EXISTS r_quotes AS
SELECT one.1 AS stage, countIf(one.2) AS tickets, if(count() > 0, tickets / count(), 0) AS share
FROM
(
    SELECT arrayJoin([('prepared', 1), ('accepted', yes), ('declined', NOT yes AND no),
                      ('expired', NOT yes AND NOT no AND late), ('open', NOT yes AND NOT no AND NOT late)]) AS one
    FROM
    (
        SELECT max(accepted) AS yes, max(declined) AS no, min(expired) AS late
        FROM p_quotes(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
            until = {until:DateTime64(3, 'UTC')})
        GROUP BY ticket_id
    )
)
GROUP BY one.1
ORDER BY indexOf(['prepared', 'accepted', 'declined', 'expired', 'open'], one.1);

CREATE VIEW IF NOT EXISTS r_quotes_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    uniqExactIf(ticket_id, accepted) / nullIf(uniqExact(ticket_id), 0) AS value
FROM
(
    SELECT *, toDate(prepared_at) AS on_day
    FROM p_quotes(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;


-- What parts cost: the unit cost of the newest receipt of each before the end of the period.
CREATE VIEW IF NOT EXISTS p_part_costs AS
SELECT
    JSONExtractString(payload, 'sku') AS sku,
    argMax(JSONExtractInt(payload, 'unit_cost_cents'), event_ts) AS cost_cents
FROM events
WHERE event_type = 'noizylab.stock.received.v1' AND event_ts < {until:DateTime64(3, 'UTC')}
GROUP BY sku;

-- Repaired tickets that were collected in the period, each with its price and the cost of its parts.
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

CREATE VIEW IF NOT EXISTS r_margins_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    if(count() > 0, sum(revenue_cents - parts_cents), NULL) AS value
FROM
(
    SELECT *, toDate(ended_at) AS on_day
    FROM p_margins(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;


-- Repairs that passed their check in the period: by whom, whether they failed one before, and whether they have come
-- back under warranty by now.
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

-- Intervals of Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
-- Statistical Association 22 (1927), at 95 %.
CREATE VIEW IF NOT EXISTS r_quality AS
SELECT
    measured.1 AS measure, countIf(measured.2) AS cases, count() AS repairs, cases / repairs AS rate,
    1.96 * sqrt(rate * (1 - rate) / repairs + 0.9604 / pow(repairs, 2)) AS half,
    greatest(0, (rate + 1.9207 / repairs - half) / (1 + 3.8415 / repairs)) AS low_95,
    least(1, (rate + 1.9207 / repairs + half) / (1 + 3.8415 / repairs)) AS high_95
FROM
(
    SELECT arrayJoin([('first_time_fix', NOT reworked AND NOT claimed), ('rework', reworked),
                      ('warranty_return', claimed)]) AS measured
    FROM p_repaired(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY measured.1
ORDER BY measure;

CREATE VIEW IF NOT EXISTS r_quality_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    countIf(NOT reworked AND NOT claimed) / nullIf(count(), 0) AS value
FROM
(
    SELECT *, toDate(ready_at) AS on_day
    FROM p_repaired(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;


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

CREATE VIEW IF NOT EXISTS r_technicians_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    count() AS value
FROM
(
    SELECT *, toDate(ready_at) AS on_day
    FROM p_repaired(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;


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
WHERE ticket_id GLOBAL IN (SELECT ticket_id FROM ticket_snapshots WHERE workspace_id = {workspace:String});

CREATE VIEW IF NOT EXISTS r_parts AS
SELECT
    e.sku AS sku, sum(e.used) AS used, uniqExactIf(e.ticket_id, e.missing > 0) AS stock_outs,
    sum(e.missing) AS missing, sum(e.used) * any(p.cost_cents) AS cost_cents
FROM p_part_events(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')}) AS e
LEFT JOIN p_part_costs(until = {until:DateTime64(3, 'UTC')}) AS p ON p.sku = e.sku
GROUP BY sku
ORDER BY used DESC, stock_outs DESC, sku;

CREATE VIEW IF NOT EXISTS r_parts_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    sum(used) AS value
FROM
(
    SELECT *, toDate(event_ts) AS on_day
    FROM p_part_events(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;


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

CREATE VIEW IF NOT EXISTS r_notifications AS
SELECT
    template, channel, countIf(kind = 'noizylab.notification.sent.v1') AS sent,
    countIf(kind = 'noizylab.notification.failed.v1') AS failed,
    countIf(kind = 'noizylab.notification.deferred.v1') AS deferred,
    if(sent + failed > 0, failed / (sent + failed), NULL) AS failure_rate
FROM p_notified(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')})
GROUP BY template, channel
ORDER BY template, channel;

CREATE VIEW IF NOT EXISTS r_notifications_daily AS
SELECT
    nullIf(on_day, toDate('1970-01-01')) AS day,
    countIf(kind = 'noizylab.notification.failed.v1')
    / nullIf(countIf(kind != 'noizylab.notification.deferred.v1'), 0) AS value
FROM
(
    SELECT *, toDate(at) AS on_day
    FROM p_notified(workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')},
        until = {until:DateTime64(3, 'UTC')})
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;


-- Of the whole house: what arrived here in the period, from all workspaces.
CREATE VIEW IF NOT EXISTS r_pipeline AS
SELECT
    event_type, sum(unique_events) AS events, sum(copies) - sum(unique_events) AS duplicates,
    sum(refused) AS dead_letters,
    max(p50) AS p50_lag_s, max(p95) AS p95_lag_s, max(newest) AS last_ingested_at
FROM
(
    SELECT
        event_type, uniqExact(event_id) AS unique_events, count() AS copies, 0 AS refused,
        toNullable(quantile(0.5)(dateDiff('millisecond', recorded_ts, ingested_at) / 1000)) AS p50,
        toNullable(quantile(0.95)(dateDiff('millisecond', recorded_ts, ingested_at) / 1000)) AS p95,
        toNullable(max(ingested_at)) AS newest
    FROM events
    WHERE ingested_at >= {since:DateTime64(3, 'UTC')} AND ingested_at < {until:DateTime64(3, 'UTC')}
    GROUP BY event_type
    UNION ALL
    SELECT event_type, 0, 0, uniqExact((k_topic, k_partition, k_offset)), NULL, NULL, NULL
    FROM events_dlq
    WHERE refused_at >= {since:DateTime64(3, 'UTC')} AND refused_at < {until:DateTime64(3, 'UTC')}
    GROUP BY event_type
)
GROUP BY event_type
ORDER BY event_type;

CREATE VIEW IF NOT EXISTS r_pipeline_daily AS
SELECT nullIf(on_day, toDate('1970-01-01')) AS day, quantileOrNull(0.95)(lag_s) AS value
FROM
(
    SELECT toDate(ingested_at) AS on_day, dateDiff('millisecond', recorded_ts, ingested_at) / 1000 AS lag_s
    FROM events
    WHERE ingested_at >= {since:DateTime64(3, 'UTC')} AND ingested_at < {until:DateTime64(3, 'UTC')}
)
GROUP BY GROUPING SETS ((), (on_day))
ORDER BY day;
