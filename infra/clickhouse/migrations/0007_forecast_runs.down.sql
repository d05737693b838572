DROP VIEW IF EXISTS v_forecast_runs;
DROP TABLE IF EXISTS forecast_runs;
