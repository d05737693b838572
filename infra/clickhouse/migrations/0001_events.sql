-- The analytics stream: one append-only table of facts, and the records that could not become facts.
--
-- `payload` is the event's data as it stood on the log. The typed columns below it are computed from it by the
-- engine, so the sink never decodes JSON; identical JSONExtract calls are computed once for all columns of a block.
-- A field that a type does not have gives the column's zero value: filter on `event_type` first.
--
-- The log delivers at least once, so the same event may lie here twice, under two offsets. Count with
-- uniqExact(event_id), or read `v_events`, which shows each event once.
CREATE TABLE IF NOT EXISTS events
(
    event_id       UUID,
    event_type     LowCardinality(String),
    source         LowCardinality(String),
    subject        String CODEC(ZSTD(1)),
    correlation_id String CODEC(ZSTD(1)),
    causation_id   Nullable(UUID),
    event_ts       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    recorded_ts    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at    DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    k_topic        LowCardinality(String),
    k_partition    UInt32 CODEC(T64, ZSTD(1)),
    k_offset       UInt64 CODEC(Delta, ZSTD(1)),
    payload        String CODEC(ZSTD(3)),

    ticket_id       String MATERIALIZED JSONExtractString(payload, 'ticket_id') CODEC(ZSTD(1)),
    reason          LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'reason'),
    channel         LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'channel'),
    state_from      LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'from_state'),
    state_to        LowCardinality(String) MATERIALIZED if(
                        event_type = 'noizylab.ticket.opened.v1',
                        JSONExtractString(payload, 'state'), JSONExtractString(payload, 'to_state')),
    version         UInt64 MATERIALIZED JSONExtractUInt(payload, 'version'),
    device_category LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'device', 'category'),
    device_brand    LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'device', 'brand'),
    device_model    LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'device', 'model'),
    quote_hash      String MATERIALIZED JSONExtractString(payload, 'quote_hash') CODEC(ZSTD(1)),
    amount_cents    Int64 MATERIALIZED JSONExtractInt(payload, 'total_cents') CODEC(T64, ZSTD(1)),
    currency        LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'currency'),
    template        LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'template'),
    confidence      Float32 MATERIALIZED JSONExtractFloat(payload, 'confidence'),
    degraded        Bool MATERIALIZED JSONExtractBool(payload, 'degraded'),
    faults          Array(Tuple(family LowCardinality(String), probability Float64))
                        MATERIALIZED JSONExtract(payload, 'faults', 'Array(Tuple(family String, probability Float64))'),
    findings        Array(Tuple(kind LowCardinality(String), confidence Float64))
                        MATERIALIZED JSONExtract(payload, 'findings', 'Array(Tuple(kind String, confidence Float64))'),
    part_lines      Array(Tuple(sku String, quantity UInt32))
                        MATERIALIZED JSONExtract(payload, 'lines', 'Array(Tuple(sku String, quantity UInt32))'),
    missing_lines   Array(Tuple(sku String, quantity UInt32))
                        MATERIALIZED JSONExtract(payload, 'missing', 'Array(Tuple(sku String, quantity UInt32))'),

    INDEX k_offset_range k_offset TYPE minmax GRANULARITY 1,
    INDEX ticket_bloom ticket_id TYPE bloom_filter(0.01) GRANULARITY 4,

    CONSTRAINT event_type_named CHECK event_type != '',
    CONSTRAINT event_ts_plausible CHECK event_ts >= toDateTime64('2020-01-01 00:00:00', 3, 'UTC')
                                    AND event_ts < toDateTime64('2100-01-01 00:00:00', 3, 'UTC'),
    CONSTRAINT payload_is_json CHECK isValidJSON(payload)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_ts)
ORDER BY (event_type, event_ts, correlation_id)
TTL toDateTime(event_ts) + INTERVAL 25 MONTH DELETE
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

-- Records that could not become rows, each once, with the reason and the raw bytes.
CREATE TABLE IF NOT EXISTS events_dlq
(
    k_topic      LowCardinality(String),
    k_partition  UInt32,
    k_offset     UInt64,
    event_type   LowCardinality(String) COMMENT 'from the headers; empty when they do not say',
    reason       LowCardinality(String) COMMENT 'machine-readable: bad_envelope, not_utf8, poison_row, ...',
    error        String CODEC(ZSTD(3)),
    column_name  LowCardinality(String) COMMENT 'the column or constraint that refused the row; empty when unknown',
    headers      String CODEC(ZSTD(3)) COMMENT 'JSON array of [name, value in base64]',
    value_base64 String CODEC(ZSTD(3)),
    refused_at   DateTime64(3, 'UTC') DEFAULT now64(3),
    value        String ALIAS base64Decode(value_base64)
)
ENGINE = ReplacingMergeTree
PARTITION BY tuple()
ORDER BY (k_topic, k_partition, k_offset)
TTL toDateTime(refused_at) + INTERVAL 90 DAY DELETE
SETTINGS non_replicated_deduplication_window = 10000;
