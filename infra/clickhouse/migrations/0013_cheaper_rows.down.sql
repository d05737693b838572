DROP VIEW IF EXISTS parts_daily_from_events;

CREATE MATERIALIZED VIEW IF NOT EXISTS parts_daily_from_events TO parts_daily AS
SELECT
    tupleElement(line, 'sku') AS sku,
    toDate(event_ts, 'UTC') AS day,
    tupleElement(line, 'kind') AS kind,
    groupUniqArrayState((event_id, toUInt64(tupleElement(line, 'quantity')))) AS quantities,
    uniqExactState(ticket_id) AS tickets
FROM events
ARRAY JOIN arrayConcat(
    arrayMap(one -> CAST((tupleElement(one, 'sku'), tupleElement(one, 'quantity'), multiIf(
                 event_type = 'noizylab.parts.released.v1', 'released',
                 event_type = 'noizylab.parts.committed.v1', 'used', 'reserved')),
             'Tuple(sku String, quantity UInt32, kind String)'), part_lines),
    arrayMap(one -> CAST((tupleElement(one, 'sku'), tupleElement(one, 'quantity'), 'missing'),
             'Tuple(sku String, quantity UInt32, kind String)'), missing_lines)) AS line
WHERE event_type IN ('noizylab.parts.reserved.v1', 'noizylab.parts.short.v1', 'noizylab.parts.released.v1',
                     'noizylab.parts.committed.v1')
GROUP BY sku, day, kind;

-- What was inserted while there was no view.
INSERT INTO parts_daily (sku, day, kind, quantities, tickets)
SELECT
    tupleElement(line, 'sku') AS sku,
    toDate(event_ts, 'UTC') AS day,
    tupleElement(line, 'kind') AS kind,
    groupUniqArrayState((event_id, toUInt64(tupleElement(line, 'quantity')))) AS quantities,
    uniqExactState(ticket_id) AS tickets
FROM events
ARRAY JOIN arrayConcat(
    arrayMap(one -> CAST((tupleElement(one, 'sku'), tupleElement(one, 'quantity'), multiIf(
                 event_type = 'noizylab.parts.released.v1', 'released',
                 event_type = 'noizylab.parts.committed.v1', 'used', 'reserved')),
             'Tuple(sku String, quantity UInt32, kind String)'), part_lines),
    arrayMap(one -> CAST((tupleElement(one, 'sku'), tupleElement(one, 'quantity'), 'missing'),
             'Tuple(sku String, quantity UInt32, kind String)'), missing_lines)) AS line
WHERE event_type IN ('noizylab.parts.reserved.v1', 'noizylab.parts.short.v1', 'noizylab.parts.released.v1',
                     'noizylab.parts.committed.v1')
GROUP BY sku, day, kind
SETTINGS insert_deduplicate = 0;

ALTER TABLE events
    MODIFY COLUMN IF EXISTS sku LowCardinality(String) MATERIALIZED if(event_type = 'noizylab.stock.received.v1', JSONExtractString(payload, 'sku'), ''),
    MODIFY COLUMN IF EXISTS unit_cost_cents Int64 MATERIALIZED if(event_type = 'noizylab.stock.received.v1', JSONExtractInt(payload, 'unit_cost_cents'), 0);

ALTER TABLE events MODIFY COLUMN IF EXISTS fields Tuple(ticket_id String, reason String, channel String, from_state String, to_state String, state String,
    version UInt64, device Tuple(category String, brand String, model String), quote_hash String, total_cents Int64,
    currency String, template String, confidence Float32, degraded Bool,
    faults Array(Tuple(family String, probability Float64)), findings Array(Tuple(kind String, confidence Float64)),
    lines Array(Tuple(sku String, quantity UInt32)), missing Array(Tuple(sku String, quantity UInt32)))
    ALIAS JSONExtract(payload, 'Tuple(ticket_id String, reason String, channel String, from_state String, to_state String, state String, version UInt64, device Tuple(category String, brand String, model String), quote_hash String, total_cents Int64, currency String, template String, confidence Float32, degraded Bool, faults Array(Tuple(family String, probability Float64)), findings Array(Tuple(kind String, confidence Float64)), lines Array(Tuple(sku String, quantity UInt32)), missing Array(Tuple(sku String, quantity UInt32)))');

ALTER TABLE events MODIFY COLUMN IF EXISTS payload CODEC(ZSTD(3));

-- The engine's own.
ALTER TABLE events MODIFY SETTING min_bytes_for_wide_part = 10485760;
