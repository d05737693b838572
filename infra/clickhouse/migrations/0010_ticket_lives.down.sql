DROP VIEW IF EXISTS tickets_from_snapshots;
DROP VIEW IF EXISTS tickets_from_events;

ALTER TABLE events DROP INDEX IF EXISTS ingested_range;
ALTER TABLE events DROP COLUMN IF EXISTS unit_cost_cents, DROP COLUMN IF EXISTS sku;
ALTER TABLE tickets
    DROP COLUMN IF EXISTS used,
    DROP COLUMN IF EXISTS answers,
    DROP COLUMN IF EXISTS quotes,
    DROP COLUMN IF EXISTS diagnoses,
    DROP COLUMN IF EXISTS repairs,
    DROP COLUMN IF EXISTS steps,
    DROP COLUMN IF EXISTS ends,
    DROP COLUMN IF EXISTS claimed_at,
    DROP COLUMN IF EXISTS reworked_at,
    DROP COLUMN IF EXISTS passed_at,
    DROP COLUMN IF EXISTS answered_at,
    DROP COLUMN IF EXISTS technician,
    DROP COLUMN IF EXISTS category,
    DROP COLUMN IF EXISTS workspace_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS tickets_from_events TO tickets AS
SELECT
    ticket_id,
    argMaxState(
        if(event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1'), toString(state_to), ''),
        toUInt64(multiIf(event_type = 'noizylab.ticket.opened.v1', 1,
                         event_type = 'noizylab.ticket.moved.v1', e.version + 1, 0))) AS state,
    max(if(event_type = 'noizylab.ticket.moved.v1', e.version, 0)) AS version,
    max(if(event_type = 'noizylab.ticket.opened.v1', toString(e.device_category), '')) AS device_category,
    max(if(event_type = 'noizylab.ticket.opened.v1', toString(e.device_brand), '')) AS device_brand,
    max(if(event_type = 'noizylab.ticket.opened.v1', toString(e.device_model), '')) AS device_model,
    max(if(event_type = 'noizylab.ticket.opened.v1', toString(e.channel), '')) AS channel,
    min(if(event_type = 'noizylab.ticket.opened.v1', event_ts, NULL)) AS opened_at,
    max(if(event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1'), event_ts, NULL)) AS moved_at,
    min(if(event_type = 'noizylab.fault.diagnosed.v1', event_ts, NULL)) AS diagnosed_at,
    min(if(event_type = 'noizylab.quote.prepared.v1', event_ts, NULL)) AS quoted_at,
    min(if(event_type = 'noizylab.quote.accepted.v1', event_ts, NULL)) AS accepted_at,
    max(if(event_type = 'noizylab.ticket.moved.v1' AND state_to IN ('collected', 'disposed', 'cancelled'),
           event_ts, NULL)) AS closed_at
FROM events AS e  -- its columns are named by e where a result has the same name
WHERE ticket_id != '' AND event_type IN (
    'noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1', 'noizylab.fault.diagnosed.v1',
    'noizylab.quote.prepared.v1', 'noizylab.quote.accepted.v1')
GROUP BY ticket_id;

-- What was inserted while there was no view.
INSERT INTO tickets (ticket_id, state, version, device_category, device_brand, device_model, channel, opened_at, moved_at, diagnosed_at,
    quoted_at, accepted_at, closed_at)
SELECT
    ticket_id,
    argMaxState(
        if(event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1'), toString(state_to), ''),
        toUInt64(multiIf(event_type = 'noizylab.ticket.opened.v1', 1,
                         event_type = 'noizylab.ticket.moved.v1', e.version + 1, 0))) AS state,
    max(if(event_type = 'noizylab.ticket.moved.v1', e.version, 0)) AS version,
    max(if(event_type = 'noizylab.ticket.opened.v1', toString(e.device_category), '')) AS device_category,
    max(if(event_type = 'noizylab.ticket.opened.v1', toString(e.device_brand), '')) AS device_brand,
    max(if(event_type = 'noizylab.ticket.opened.v1', toString(e.device_model), '')) AS device_model,
    max(if(event_type = 'noizylab.ticket.opened.v1', toString(e.channel), '')) AS channel,
    min(if(event_type = 'noizylab.ticket.opened.v1', event_ts, NULL)) AS opened_at,
    max(if(event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1'), event_ts, NULL)) AS moved_at,
    min(if(event_type = 'noizylab.fault.diagnosed.v1', event_ts, NULL)) AS diagnosed_at,
    min(if(event_type = 'noizylab.quote.prepared.v1', event_ts, NULL)) AS quoted_at,
    min(if(event_type = 'noizylab.quote.accepted.v1', event_ts, NULL)) AS accepted_at,
    max(if(event_type = 'noizylab.ticket.moved.v1' AND state_to IN ('collected', 'disposed', 'cancelled'),
           event_ts, NULL)) AS closed_at
FROM events AS e  -- its columns are named by e where a result has the same name
WHERE ticket_id != '' AND event_type IN (
    'noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1', 'noizylab.fault.diagnosed.v1',
    'noizylab.quote.prepared.v1', 'noizylab.quote.accepted.v1')
GROUP BY ticket_id
SETTINGS insert_deduplicate = 0;
