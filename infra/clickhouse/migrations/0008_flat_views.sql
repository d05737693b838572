-- Views for people hold no lists, and each says what it holds. Lists of an event stand a row each in views of their own,
-- with its time; what is counted over all time has such a view beside it. Views `p_...` are what others are made of.
DROP VIEW IF EXISTS v_faults_ranked;
DROP VIEW IF EXISTS v_inspection_findings;
DROP VIEW IF EXISTS v_events;

-- Every event once, with its lists.
CREATE VIEW IF NOT EXISTS p_events AS
SELECT
    event_id, event_type, source, subject, correlation_id, causation_id, event_ts, recorded_ts, ingested_at,
    k_topic, k_partition, k_offset, payload, ticket_id, reason, channel, state_from, state_to, version,
    device_category, device_brand, device_model, quote_hash, amount_cents, currency, template, confidence, degraded,
    faults, findings, part_lines, missing_lines
FROM events
ORDER BY k_offset, k_topic, k_partition
LIMIT 1 BY event_type, event_id;

CREATE VIEW IF NOT EXISTS v_events AS
SELECT
    event_id, event_type, source, subject, correlation_id, causation_id, event_ts, recorded_ts, ingested_at,
    k_topic, k_partition, k_offset, payload, ticket_id, reason, channel, state_from, state_to, version,
    device_category, device_brand, device_model, quote_hash, amount_cents, currency, template, confidence, degraded
FROM p_events;

CREATE VIEW IF NOT EXISTS v_faults_ranked AS
SELECT
    tupleElement(fault, 'family') AS family,
    uniqExactIf(ticket_id, position = 1) AS tickets_first,
    uniqExact(ticket_id) AS tickets_named,
    avg(tupleElement(fault, 'probability')) AS mean_probability
FROM p_events AS e
ARRAY JOIN e.faults AS fault, arrayEnumerate(e.faults) AS position
WHERE event_type = 'noizylab.fault.diagnosed.v1'
GROUP BY family
ORDER BY tickets_first DESC, tickets_named DESC, family;

CREATE VIEW IF NOT EXISTS v_inspection_findings AS
SELECT
    tupleElement(finding, 'kind') AS kind,
    uniqExact(event_id) AS inspections,
    count() AS findings,
    avg(tupleElement(finding, 'confidence')) AS mean_confidence
FROM p_events AS e
ARRAY JOIN e.findings AS finding
WHERE event_type = 'noizylab.board.inspected.v1'
GROUP BY kind
ORDER BY inspections DESC, kind;

CREATE VIEW IF NOT EXISTS v_faults AS
SELECT
    event_id, event_ts, ticket_id, device_category, device_brand, device_model,
    toUInt16(position) AS rank, toString(tupleElement(fault, 'family')) AS family,
    tupleElement(fault, 'probability') AS probability
FROM p_events AS e
ARRAY JOIN e.faults AS fault, arrayEnumerate(e.faults) AS position
WHERE event_type = 'noizylab.fault.diagnosed.v1';

CREATE VIEW IF NOT EXISTS v_findings AS
SELECT
    event_id, event_ts, ticket_id, toString(tupleElement(finding, 'kind')) AS kind,
    tupleElement(finding, 'confidence') AS confidence
FROM p_events AS e
ARRAY JOIN e.findings AS finding
WHERE event_type = 'noizylab.board.inspected.v1';

CREATE VIEW IF NOT EXISTS v_part_lines AS
SELECT
    event_id, event_ts, ticket_id, tupleElement(line, 'kind') AS kind, tupleElement(line, 'sku') AS sku,
    tupleElement(line, 'quantity') AS pieces
FROM p_events AS e
ARRAY JOIN arrayConcat(
    arrayMap(one -> CAST((tupleElement(one, 'sku'), tupleElement(one, 'quantity'), multiIf(
                 event_type = 'noizylab.parts.released.v1', 'released',
                 event_type = 'noizylab.parts.committed.v1', 'used', 'reserved')),
             'Tuple(sku String, quantity UInt32, kind String)'), e.part_lines),
    arrayMap(one -> CAST((tupleElement(one, 'sku'), tupleElement(one, 'quantity'), 'missing'),
             'Tuple(sku String, quantity UInt32, kind String)'), e.missing_lines)) AS line
WHERE event_type IN ('noizylab.parts.reserved.v1', 'noizylab.parts.short.v1', 'noizylab.parts.released.v1',
                     'noizylab.parts.committed.v1');

CREATE VIEW IF NOT EXISTS v_notified AS
SELECT
    event_id, event_ts, ticket_id, template, channel,
    multiIf(event_type = 'noizylab.notification.sent.v1', 'sent',
            event_type = 'noizylab.notification.failed.v1', 'failed', 'deferred') AS outcome
FROM p_events
WHERE event_type IN ('noizylab.notification.sent.v1', 'noizylab.notification.failed.v1',
                     'noizylab.notification.deferred.v1');

CREATE VIEW IF NOT EXISTS v_forecast_anomalies AS
SELECT
    workspace_id, metric, series, grain, tupleElement(anomaly, 'at') AS at, tupleElement(anomaly, 'value') AS value,
    tupleElement(anomaly, 'expected') AS expected, tupleElement(anomaly, 'low') AS low,
    tupleElement(anomaly, 'high') AS high, run_at
FROM v_forecast_runs
ARRAY JOIN anomalies AS anomaly;

ALTER TABLE v_events MODIFY COMMENT 'Every event once, of several copies the first on the log. Filter on event_type, which reaches the primary key. payload is the event''s data as JSON; lists in it stand a row each in v_faults, v_findings and v_part_lines.';
ALTER TABLE v_faults MODIFY COMMENT 'The faults that diagnoses name, a row each: rank 1 is what the diagnosis puts first. Each diagnosis once.';
ALTER TABLE v_faults_ranked MODIFY COMMENT 'Tickets whose diagnosis ranks the fault family first, and tickets whose diagnosis names it at all, with the mean probability it was given.';
ALTER TABLE v_findings MODIFY COMMENT 'What inspections of boards found, a row each. Each inspection once.';
ALTER TABLE v_forecast_anomalies MODIFY COMMENT 'Days and weeks of the past that fell outside of what their forecast would have held likely, a row each, by the newest run of each series.';
ALTER TABLE v_forecast_runs MODIFY COMMENT 'What the newest run says of each series: the model, its record beside the seasonal naive, or why nothing is forecast.';
ALTER TABLE v_forecasts MODIFY COMMENT 'What is expected of a day or week to come, with bands of 80 and 95 %, and the model''s record. Of several runs the newest holds.';
ALTER TABLE v_inspection_findings MODIFY COMMENT 'Board inspections with at least one finding of the class, and how many findings that were.';
ALTER TABLE v_kpi_daily MODIFY COMMENT 'Events, tickets and money of each type by day (UTC) and currency, each event once. Empty currency: events without money.';
ALTER TABLE v_notifications MODIFY COMMENT 'Messages to customers by template and channel: handed over, failed, or held back for quiet hours. A failure does not name its channel.';
ALTER TABLE v_notified MODIFY COMMENT 'Messages to customers, a row each: sent, failed or deferred for quiet hours. Each event once.';
ALTER TABLE v_open_tickets_age MODIFY COMMENT 'Tickets that are not collected, disposed or cancelled, by full hours since they were opened.';
ALTER TABLE v_part_lines MODIFY COMMENT 'Parts that events name, a row each: reserved, missing, released or used. Each event once; a ticket that was short and is served later says its whole reservation again, so do not add up what was reserved.';
ALTER TABLE v_parts MODIFY COMMENT 'Pieces set aside for tickets, and pieces that were missing when a ticket asked for them. Of several reservations of one ticket and part the largest counts.';
ALTER TABLE v_parts_daily MODIFY COMMENT 'Pieces and tickets by part, day (UTC) and kind: reserved, missing, released or used. Each event once.';
ALTER TABLE v_pipeline_health MODIFY COMMENT 'Per event type: events stored, copies beyond the first, records refused into the dead letters (no type: their headers could not be read), and when the newest event happened and arrived.';
ALTER TABLE v_quote_funnel MODIFY COMMENT 'Tickets with a quote prepared in the month, and how many of these had such a quote accepted, declined or expired, whenever that was. The rate is accepted over prepared.';
ALTER TABLE v_quote_value MODIFY COMMENT 'Sum of the recommended totals of all quotes prepared in the month, each version of a quote on its own, and of the accepted tiers'' totals among them, by currency.';
ALTER TABLE v_quotes MODIFY COMMENT 'One row a quote, with what became of it. Amounts in cents; accepted_cents is of the tier that was accepted.';
ALTER TABLE v_ticket_snapshots MODIFY COMMENT 'One row a ticket, as its owner last wrote it: the one with workspace, technician and customer.';
ALTER TABLE v_tickets MODIFY COMMENT 'One row a ticket, with the moments it passed and how long it took to get there. All workspaces, which v_ticket_snapshots tells apart.';
ALTER TABLE v_tickets_by_state MODIFY COMMENT 'Each ticket in its newest state: the state of its highest-numbered move, or of its opening.';
ALTER TABLE v_time_to_diagnosis MODIFY COMMENT 'From a ticket''s opening to its first diagnosis, abstentions not counted, by month of opening. Percentiles interpolate linearly between tickets.';
ALTER TABLE v_time_to_quote MODIFY COMMENT 'From a ticket''s opening to its first prepared quote, by month of opening. Percentiles interpolate linearly between tickets.';
