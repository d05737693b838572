-- One row a ticket: its newest state and the moments it passed. Fed from `events`, so it can be rebuilt from there,
-- and made of min, max and argMax only: an event that arrives twice, late or out of order changes nothing.
CREATE TABLE IF NOT EXISTS tickets
(
    ticket_id       String,
    state           AggregateFunction(argMax, String, UInt64) COMMENT 'ranked: moves by version, above the opening',
    version         SimpleAggregateFunction(max, UInt64),
    device_category SimpleAggregateFunction(max, String),
    device_brand    SimpleAggregateFunction(max, String),
    device_model    SimpleAggregateFunction(max, String),
    channel         SimpleAggregateFunction(max, String),
    opened_at       SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))),
    moved_at        SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    diagnosed_at    SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))),
    quoted_at       SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))),
    accepted_at     SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))),
    closed_at       SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC')))
)
ENGINE = AggregatingMergeTree
ORDER BY ticket_id
SETTINGS non_replicated_deduplication_window = 10000;

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
