-- The daily roll-up: per event type and day, how many events, how many tickets, how much money.
--
-- Sums cannot be taken back when an event arrives twice, so money is kept as the set of (event, amount) and events
-- and tickets as sets of ids: some 35 bytes an event (measured over a million), the price of exact figures.
-- Two copies of an event fall together when they state the same `event_ts`.
CREATE TABLE IF NOT EXISTS kpi_daily
(
    event_type LowCardinality(String),
    day        Date,
    currency   LowCardinality(String) COMMENT 'empty for events that carry no money',
    events     AggregateFunction(uniqExact, UUID),
    tickets    AggregateFunction(uniqExact, String),
    amounts    AggregateFunction(groupUniqArrayArray, Array(Tuple(UUID, Int64))),
    last_ts    SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (event_type, day, currency)
TTL day + INTERVAL 61 MONTH DELETE
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS kpi_daily_from_events TO kpi_daily AS
SELECT
    event_type,
    toDate(event_ts, 'UTC') AS day,
    currency,
    uniqExactState(event_id) AS events,
    uniqExactState(if(ticket_id = '', correlation_id, ticket_id)) AS tickets,
    groupUniqArrayArrayState(if(currency = '', [], [(event_id, amount_cents)])) AS amounts,
    max(event_ts) AS last_ts
FROM events
GROUP BY event_type, day, currency;
