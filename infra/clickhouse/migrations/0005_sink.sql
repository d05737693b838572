-- The sink's intent log, ticket snapshots, parts by day, forecasts; and the typed columns out of one reading of the JSON.

-- Which offsets of the log one insert is about to carry, and which it has carried: one row for each range of a batch,
-- both ends included. A range is written here before its rows are inserted; after a crash exactly the batches without
-- 'done' are inserted again, over the same ranges and under the same tokens. Kept for longer than the log keeps a record.
CREATE TABLE IF NOT EXISTS sink_progress
(
    k_topic      LowCardinality(String),
    k_partition  UInt32,
    first_offset UInt64,
    last_offset  UInt64,
    batch_id     String COMMENT 'names all ranges that one batch covers, and begins the tokens of its inserts',
    state        Enum8('intended' = 1, 'done' = 2),
    ver          UInt8 MATERIALIZED toUInt8(state),
    written_at   DateTime64(3, 'UTC') DEFAULT now64(3),

    INDEX batch_bloom batch_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(ver)
ORDER BY (k_topic, k_partition, last_offset, batch_id)
TTL toDateTime(written_at) + INTERVAL 400 DAY DELETE WHERE state = 'done'
SETTINGS non_replicated_deduplication_window = 1000;

-- One row a ticket: its newest state as its owner wrote it to the compacted topic. Of several versions the highest
-- holds, so a snapshot that arrives twice, late or out of order changes nothing. `snapshot` is read and not kept:
-- what people wrote, serials and photos stay out.
CREATE TABLE IF NOT EXISTS ticket_snapshots
(
    snapshot          String EPHEMERAL COMMENT 'the view record: version, causes, state',
    ticket_id         String MATERIALIZED JSONExtractString(snapshot, 'state', 'ticket_id'),
    version           UInt64 MATERIALIZED JSONExtractUInt(snapshot, 'version') COMMENT 'counts the events of the ticket',
    workspace_id      LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'workspace_id'),
    customer_id       String MATERIALIZED JSONExtractString(snapshot, 'state', 'customer_id'),
    state             LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'state'),
    outcome           LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'outcome'),
    payment           LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'payment'),
    hold              LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'hold'),
    custody           LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'custody'),
    channel           LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'channel'),
    device_category   LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'device', 'category'),
    device_brand      LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'device', 'brand'),
    device_model      LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'device', 'model'),
    technician        LowCardinality(String) MATERIALIZED JSONExtractString(snapshot, 'state', 'technician'),
    quote_total_cents Nullable(Int64) MATERIALIZED JSONExtract(snapshot, 'state', 'quote_total_cents', 'Nullable(Int64)'),
    opened_at         DateTime64(3, 'UTC')
                          MATERIALIZED parseDateTime64BestEffortOrZero(JSONExtractString(snapshot, 'state', 'opened_at'), 3, 'UTC'),
    moved_at          DateTime64(3, 'UTC')
                          MATERIALIZED parseDateTime64BestEffortOrZero(JSONExtractString(snapshot, 'state', 'moved_at'), 3, 'UTC'),
    ingested_at       DateTime64(3, 'UTC') DEFAULT now64(3),
    k_partition       UInt32,
    k_offset          UInt64,

    CONSTRAINT snapshot_is_a_ticket CHECK ticket_id != '' AND version > 0 AND opened_at > toDateTime64(0, 3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace_id, ticket_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE VIEW IF NOT EXISTS v_ticket_snapshots AS
SELECT
    ticket_id, version, workspace_id, customer_id, state, outcome, payment, hold, custody, channel, device_category,
    device_brand, device_model, technician, quote_total_cents, opened_at, moved_at, ingested_at
FROM ticket_snapshots FINAL;

-- The daily roll-up of parts. As in kpi_daily, quantities are sets of (event, pieces), so that an event that the log
-- holds twice counts once.
CREATE TABLE IF NOT EXISTS parts_daily
(
    sku        LowCardinality(String),
    day        Date,
    kind       LowCardinality(String) COMMENT 'reserved, missing, released or used',
    quantities AggregateFunction(groupUniqArray, Tuple(UUID, UInt64)),
    tickets    AggregateFunction(uniqExact, String)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (sku, day, kind)
TTL day + INTERVAL 61 MONTH DELETE
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

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

CREATE VIEW IF NOT EXISTS v_parts_daily AS
SELECT
    sku, day, kind,
    arraySum(entry -> toInt64(entry.2), groupUniqArrayMerge(parts_daily.quantities)) AS pieces,
    uniqExactMerge(parts_daily.tickets) AS tickets
FROM parts_daily
GROUP BY sku, day, kind;

-- What was expected of a day or a week to come. A later run replaces what an earlier one said of the same day.
CREATE TABLE IF NOT EXISTS forecasts
(
    workspace_id LowCardinality(String),
    metric       LowCardinality(String) COMMENT 'revenue_cents, intake, parts_pieces',
    series       String COMMENT 'what is counted, a part for example; empty for the whole shop',
    grain        Enum8('day' = 1, 'week' = 2),
    at           Date COMMENT 'the day, or the Monday of the week',
    model        LowCardinality(String),
    expected     Float64,
    low_80       Float64,
    high_80      Float64,
    low_95       Float64,
    high_95      Float64,
    mase         Float64 COMMENT 'of the back-test of this model on this series',
    naive_mase   Float64 COMMENT 'of the seasonal naive in the same back-test',
    run_at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(run_at)
ORDER BY (workspace_id, metric, series, grain, at)
TTL at + INTERVAL 25 MONTH DELETE
SETTINGS non_replicated_deduplication_window = 1000;

CREATE VIEW IF NOT EXISTS v_forecasts AS
SELECT
    workspace_id, metric, series, grain, at, model, expected, low_80, high_80, low_95, high_95, mase, naive_mase, run_at
FROM forecasts FINAL;

-- Every typed column of an event out of one reading of its JSON: a reading for each column took five times as long.
-- `fields` is computed and not stored; a field that a type does not have is the zero value of its kind, as before.
ALTER TABLE events ADD COLUMN IF NOT EXISTS fields Tuple(ticket_id String, reason String, channel String, from_state String, to_state String, state String,
    version UInt64, device Tuple(category String, brand String, model String), quote_hash String, total_cents Int64,
    currency String, template String, confidence Float32, degraded Bool,
    faults Array(Tuple(family String, probability Float64)), findings Array(Tuple(kind String, confidence Float64)),
    lines Array(Tuple(sku String, quantity UInt32)), missing Array(Tuple(sku String, quantity UInt32)))
    ALIAS JSONExtract(payload, 'Tuple(ticket_id String, reason String, channel String, from_state String, to_state String, state String, version UInt64, device Tuple(category String, brand String, model String), quote_hash String, total_cents Int64, currency String, template String, confidence Float32, degraded Bool, faults Array(Tuple(family String, probability Float64)), findings Array(Tuple(kind String, confidence Float64)), lines Array(Tuple(sku String, quantity UInt32)), missing Array(Tuple(sku String, quantity UInt32)))')
    AFTER payload;

ALTER TABLE events
    MODIFY COLUMN IF EXISTS ticket_id String MATERIALIZED tupleElement(fields, 'ticket_id'),
    MODIFY COLUMN IF EXISTS reason LowCardinality(String) MATERIALIZED tupleElement(fields, 'reason'),
    MODIFY COLUMN IF EXISTS channel LowCardinality(String) MATERIALIZED tupleElement(fields, 'channel'),
    MODIFY COLUMN IF EXISTS state_from LowCardinality(String) MATERIALIZED tupleElement(fields, 'from_state'),
    MODIFY COLUMN IF EXISTS state_to LowCardinality(String) MATERIALIZED if(
        event_type = 'noizylab.ticket.opened.v1', tupleElement(fields, 'state'), tupleElement(fields, 'to_state')),
    MODIFY COLUMN IF EXISTS version UInt64 MATERIALIZED tupleElement(fields, 'version'),
    MODIFY COLUMN IF EXISTS device_category LowCardinality(String) MATERIALIZED tupleElement(tupleElement(fields, 'device'), 'category'),
    MODIFY COLUMN IF EXISTS device_brand LowCardinality(String) MATERIALIZED tupleElement(tupleElement(fields, 'device'), 'brand'),
    MODIFY COLUMN IF EXISTS device_model LowCardinality(String) MATERIALIZED tupleElement(tupleElement(fields, 'device'), 'model'),
    MODIFY COLUMN IF EXISTS quote_hash String MATERIALIZED tupleElement(fields, 'quote_hash'),
    MODIFY COLUMN IF EXISTS amount_cents Int64 MATERIALIZED tupleElement(fields, 'total_cents'),
    MODIFY COLUMN IF EXISTS currency LowCardinality(String) MATERIALIZED tupleElement(fields, 'currency'),
    MODIFY COLUMN IF EXISTS template LowCardinality(String) MATERIALIZED tupleElement(fields, 'template'),
    MODIFY COLUMN IF EXISTS confidence Float32 MATERIALIZED tupleElement(fields, 'confidence'),
    MODIFY COLUMN IF EXISTS degraded Bool MATERIALIZED tupleElement(fields, 'degraded'),
    MODIFY COLUMN IF EXISTS faults Array(Tuple(family LowCardinality(String), probability Float64)) MATERIALIZED tupleElement(fields, 'faults'),
    MODIFY COLUMN IF EXISTS findings Array(Tuple(kind LowCardinality(String), confidence Float64)) MATERIALIZED tupleElement(fields, 'findings'),
    MODIFY COLUMN IF EXISTS part_lines Array(Tuple(sku String, quantity UInt32)) MATERIALIZED tupleElement(fields, 'lines'),
    MODIFY COLUMN IF EXISTS missing_lines Array(Tuple(sku String, quantity UInt32)) MATERIALIZED tupleElement(fields, 'missing');
