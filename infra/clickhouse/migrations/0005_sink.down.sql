DROP VIEW IF EXISTS v_forecasts;
DROP TABLE IF EXISTS forecasts;
DROP VIEW IF EXISTS v_parts_daily;
DROP VIEW IF EXISTS parts_daily_from_events;
DROP TABLE IF EXISTS parts_daily;
DROP VIEW IF EXISTS v_ticket_snapshots;
DROP TABLE IF EXISTS ticket_snapshots;
DROP TABLE IF EXISTS sink_progress;
