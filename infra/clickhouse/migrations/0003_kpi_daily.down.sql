DROP VIEW IF EXISTS kpi_daily_from_events;
DROP TABLE IF EXISTS kpi_daily;
