-- Flat views for people and dashboards: no FINAL, no merge functions, every event once, times in UTC.
-- Each figure's definition in words stands in processors/analytics/figures.py, under the view's name.

-- Every event once: of several copies the one that stands first on the log. Always filter on event_type, which
-- reaches the primary key through the view.
CREATE VIEW IF NOT EXISTS v_events AS
SELECT
    event_id, event_type, source, subject, correlation_id, causation_id, event_ts, recorded_ts, ingested_at,
    k_topic, k_partition, k_offset, payload, ticket_id, reason, channel, state_from, state_to, version,
    device_category, device_brand, device_model, quote_hash, amount_cents, currency, template, confidence, degraded,
    faults, findings, part_lines, missing_lines
FROM events
ORDER BY k_offset, k_topic, k_partition
LIMIT 1 BY event_type, event_id;

-- One row a ticket, with the moments it passed and how long it took to get there.
CREATE VIEW IF NOT EXISTS v_tickets AS
SELECT
    t.ticket_id AS ticket_id, ticket_state AS state, t.version AS version, t.device_category AS device_category,
    t.device_brand AS device_brand, t.device_model AS device_model, t.channel AS channel, t.opened_at AS opened_at,
    t.moved_at AS moved_at, t.diagnosed_at AS diagnosed_at, t.quoted_at AS quoted_at, t.accepted_at AS accepted_at,
    if(ticket_state IN ('collected', 'disposed', 'cancelled'), t.closed_at, NULL) AS closed_at,
    dateDiff('millisecond', t.opened_at, t.diagnosed_at) AS time_to_diagnosis_ms,
    dateDiff('millisecond', t.opened_at, t.quoted_at) AS time_to_quote_ms
FROM
(
    SELECT
        ticket_id, argMaxMerge(tickets.state) AS ticket_state, max(tickets.version) AS version,
        max(tickets.device_category) AS device_category, max(tickets.device_brand) AS device_brand,
        max(tickets.device_model) AS device_model, max(tickets.channel) AS channel, min(tickets.opened_at) AS opened_at,
        max(tickets.moved_at) AS moved_at, min(tickets.diagnosed_at) AS diagnosed_at,
        min(tickets.quoted_at) AS quoted_at, min(tickets.accepted_at) AS accepted_at,
        max(tickets.closed_at) AS closed_at
    FROM tickets
    GROUP BY ticket_id
) AS t;

CREATE VIEW IF NOT EXISTS v_kpi_daily AS
SELECT
    event_type, day, currency, uniqExactMerge(kpi_daily.events) AS events, uniqExactMerge(kpi_daily.tickets) AS tickets,
    arraySum(entry -> entry.2, groupUniqArrayArrayMerge(kpi_daily.amounts)) AS amount_cents,
    max(kpi_daily.last_ts) AS last_event_at
FROM kpi_daily
GROUP BY event_type, day, currency;

CREATE VIEW IF NOT EXISTS v_tickets_by_state AS
SELECT state, count() AS tickets
FROM v_tickets
WHERE state != ''
GROUP BY state
ORDER BY tickets DESC, state;

CREATE VIEW IF NOT EXISTS v_open_tickets_age AS
SELECT
    multiIf(age_hours < 24, 'under 1 day', age_hours < 72, '1 to 3 days', age_hours < 168, '3 to 7 days', 'over 7 days')
        AS age,
    count() AS tickets,
    max(age_hours) AS oldest_hours
FROM
(
    SELECT age('hour', assumeNotNull(opened_at), now64(3, 'UTC')) AS age_hours
    FROM v_tickets
    WHERE opened_at IS NOT NULL AND state NOT IN ('collected', 'disposed', 'cancelled')
)
GROUP BY age
ORDER BY oldest_hours;

CREATE VIEW IF NOT EXISTS v_time_to_diagnosis AS
SELECT
    toStartOfMonth(assumeNotNull(opened_at)) AS month,
    count() AS tickets,
    quantileExactInclusive(0.5)(assumeNotNull(time_to_diagnosis_ms)) AS p50_ms,
    quantileExactInclusive(0.95)(assumeNotNull(time_to_diagnosis_ms)) AS p95_ms
FROM v_tickets
WHERE opened_at IS NOT NULL AND time_to_diagnosis_ms >= 0
GROUP BY month
ORDER BY month;

CREATE VIEW IF NOT EXISTS v_time_to_quote AS
SELECT
    toStartOfMonth(assumeNotNull(opened_at)) AS month,
    count() AS tickets,
    quantileExactInclusive(0.5)(assumeNotNull(time_to_quote_ms)) AS p50_ms,
    quantileExactInclusive(0.95)(assumeNotNull(time_to_quote_ms)) AS p95_ms
FROM v_tickets
WHERE opened_at IS NOT NULL AND time_to_quote_ms >= 0
GROUP BY month
ORDER BY month;

-- One row a quote (a ticket's version of a price) with its answer; the base of the funnel and of the values. Made of
-- first times and of 'has it happened', so a second copy of an event changes nothing and `events` can be read directly.
CREATE VIEW IF NOT EXISTS v_quotes AS
SELECT
    ticket_id,
    quote_hash,
    min(if(event_type = 'noizylab.quote.prepared.v1', event_ts, NULL)) AS prepared_at,
    argMinIf(currency, event_ts, event_type = 'noizylab.quote.prepared.v1') AS currency,
    argMinIf(amount_cents, event_ts, event_type = 'noizylab.quote.prepared.v1') AS quoted_cents,
    countIf(event_type = 'noizylab.quote.accepted.v1') > 0 AS accepted,
    argMinIf(amount_cents, event_ts, event_type = 'noizylab.quote.accepted.v1') AS accepted_cents,
    countIf(event_type = 'noizylab.quote.declined.v1') > 0 AS declined,
    countIf(event_type = 'noizylab.quote.expired.v1') > 0 AS expired
FROM events
WHERE event_type IN ('noizylab.quote.prepared.v1', 'noizylab.quote.accepted.v1', 'noizylab.quote.declined.v1',
                     'noizylab.quote.expired.v1')
GROUP BY ticket_id, quote_hash
HAVING prepared_at IS NOT NULL;

CREATE VIEW IF NOT EXISTS v_quote_funnel AS
SELECT
    toStartOfMonth(assumeNotNull(q.prepared_at)) AS month,
    uniqExact(q.ticket_id) AS prepared,
    uniqExactIf(q.ticket_id, q.accepted) AS accepted,
    uniqExactIf(q.ticket_id, q.declined) AS declined,
    uniqExactIf(q.ticket_id, q.expired) AS expired,
    uniqExactIf(q.ticket_id, q.accepted) / uniqExact(q.ticket_id) AS acceptance_rate
FROM v_quotes AS q
GROUP BY month
ORDER BY month;

CREATE VIEW IF NOT EXISTS v_quote_value AS
SELECT
    toStartOfMonth(assumeNotNull(prepared_at)) AS month,
    currency,
    count() AS quotes,
    sum(v_quotes.quoted_cents) AS quoted_cents,
    sumIf(v_quotes.accepted_cents, v_quotes.accepted) AS accepted_cents
FROM v_quotes
GROUP BY month, currency
ORDER BY month, currency;

CREATE VIEW IF NOT EXISTS v_faults_ranked AS
SELECT
    tupleElement(fault, 'family') AS family,
    uniqExactIf(ticket_id, position = 1) AS tickets_first,
    uniqExact(ticket_id) AS tickets_named,
    avg(tupleElement(fault, 'probability')) AS mean_probability
FROM v_events AS e
ARRAY JOIN e.faults AS fault, arrayEnumerate(e.faults) AS position
WHERE event_type = 'noizylab.fault.diagnosed.v1'
GROUP BY family
ORDER BY tickets_first DESC, tickets_named DESC, family;

-- A ticket that was short and is served later states its whole reservation again, so quantities of one ticket and part
-- are not added up: the largest holds, which also takes care of second copies.
CREATE VIEW IF NOT EXISTS v_parts AS
SELECT
    sku,
    sum(ticket_reserved) AS reserved,
    sum(ticket_short) AS short,
    countIf(ticket_short > 0) AS tickets_short
FROM
(
    SELECT
        ticket_id, tupleElement(line, 'sku') AS sku,
        maxIf(tupleElement(line, 'quantity'), kind = 'reserved') AS ticket_reserved,
        maxIf(tupleElement(line, 'quantity'), kind = 'missing') AS ticket_short
    FROM
    (
        SELECT ticket_id, 'reserved' AS kind, part_lines AS lines
        FROM events
        WHERE event_type IN ('noizylab.parts.reserved.v1', 'noizylab.parts.short.v1')
        UNION ALL
        SELECT ticket_id, 'missing' AS kind, missing_lines AS lines
        FROM events
        WHERE event_type = 'noizylab.parts.short.v1'
    )
    ARRAY JOIN lines AS line
    GROUP BY ticket_id, sku
)
GROUP BY sku
ORDER BY short DESC, reserved DESC, sku;

CREATE VIEW IF NOT EXISTS v_inspection_findings AS
SELECT
    tupleElement(finding, 'kind') AS kind,
    uniqExact(event_id) AS inspections,
    count() AS findings,
    avg(tupleElement(finding, 'confidence')) AS mean_confidence
FROM v_events AS e
ARRAY JOIN e.findings AS finding
WHERE event_type = 'noizylab.board.inspected.v1'
GROUP BY kind
ORDER BY inspections DESC, kind;

CREATE VIEW IF NOT EXISTS v_pipeline_health AS
SELECT
    event_type,
    sum(unique_events) AS events,
    sum(copies) - sum(unique_events) AS duplicates,
    sum(refused) AS dead_letters,
    max(last_at) AS last_event_at,
    max(last_in) AS last_ingested_at
FROM
(
    SELECT
        event_type, uniqExact(event_id) AS unique_events, count() AS copies, 0 AS refused,
        toNullable(max(event_ts)) AS last_at, toNullable(max(ingested_at)) AS last_in
    FROM events
    GROUP BY event_type
    UNION ALL
    SELECT event_type, 0, 0, uniqExact((k_topic, k_partition, k_offset)), NULL, NULL
    FROM events_dlq
    GROUP BY event_type
)
GROUP BY event_type
ORDER BY event_type;

CREATE VIEW IF NOT EXISTS v_notifications AS
SELECT
    template,
    channel,
    uniqExactIf(event_id, event_type = 'noizylab.notification.sent.v1') AS sent,
    uniqExactIf(event_id, event_type = 'noizylab.notification.failed.v1') AS failed,
    uniqExactIf(event_id, event_type = 'noizylab.notification.deferred.v1') AS deferred
FROM events
WHERE event_type IN ('noizylab.notification.sent.v1', 'noizylab.notification.failed.v1',
                     'noizylab.notification.deferred.v1')
GROUP BY template, channel
ORDER BY template, channel;
