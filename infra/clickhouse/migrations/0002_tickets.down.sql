DROP VIEW IF EXISTS tickets_from_events;
DROP TABLE IF EXISTS tickets;
