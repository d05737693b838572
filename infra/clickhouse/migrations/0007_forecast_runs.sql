-- What the newest run of the forecasts says of each series as a whole: which model, how it did, what was odd, or why
-- nothing is forecast. The points are in `forecasts`, under the same `run_at`.
CREATE TABLE IF NOT EXISTS forecast_runs
(
    workspace_id  LowCardinality(String),
    metric        LowCardinality(String),
    series        String,
    grain         Enum8('day' = 1, 'week' = 2),
    run_at        DateTime64(3, 'UTC'),
    model         LowCardinality(String) COMMENT 'empty when nothing is forecast',
    code          LowCardinality(String) COMMENT 'why nothing is forecast: too_short, all_zero; empty otherwise',
    reason        String COMMENT 'the same for people',
    origins       UInt16 COMMENT 'moments of the past at which the back-test asked',
    mase          Nullable(Float64),
    naive_mase    Nullable(Float64),
    pinball       Nullable(Float64),
    naive_pinball Nullable(Float64),
    coverage_80   Nullable(Float64),
    coverage_95   Nullable(Float64),
    anomalies     Array(Tuple(at Date, value Float64, expected Float64, low Float64, high Float64))
)
ENGINE = ReplacingMergeTree(run_at)
ORDER BY (workspace_id, metric, series, grain)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE VIEW IF NOT EXISTS v_forecast_runs AS
SELECT
    workspace_id, metric, series, grain, run_at, model, code, reason, origins, mase, naive_mase, pinball, naive_pinball,
    coverage_80, coverage_95, anomalies
FROM forecast_runs FINAL;
