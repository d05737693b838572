-- What the figures of a period need of a ticket stands in its one row in `tickets`: a figure finds the tickets of its
-- period by the primary key of `events`, and then reads these rows instead of years of events.
--
-- The new columns hold sets and newest and earliest values only, as the old ones: an event that comes twice, late or
-- out of order changes nothing, and neither does filling them from `events` once more. So rows to come are made first, and
-- then what was there is filled in: what is inserted meanwhile is in both, and counts once. Only an insert that began
-- before the view was changed and ends after the filling would be in neither: `noizylab up` migrates before its sink
-- starts; where sinks run elsewhere, stop them first.
ALTER TABLE tickets
    ADD COLUMN IF NOT EXISTS workspace_id SimpleAggregateFunction(max, String) COMMENT 'as it was opened in; a ticket never moves to another',
    ADD COLUMN IF NOT EXISTS category AggregateFunction(argMax, String, UInt64) COMMENT 'of its device, as its newest snapshot says',
    ADD COLUMN IF NOT EXISTS technician AggregateFunction(argMax, String, UInt64) COMMENT 'whom it is assigned to, as its newest snapshot says',
    ADD COLUMN IF NOT EXISTS answered_at SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))) COMMENT 'its first move out of received',
    ADD COLUMN IF NOT EXISTS passed_at SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))) COMMENT 'its first check that it passed',
    ADD COLUMN IF NOT EXISTS reworked_at SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))) COMMENT 'its first move to rework',
    ADD COLUMN IF NOT EXISTS claimed_at SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))) COMMENT 'its newest claim under warranty',
    ADD COLUMN IF NOT EXISTS ends SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(version UInt32, at DateTime64(3, 'UTC'), ended Bool))) COMMENT 'moves that ended it, and those by which it went on after all',
    ADD COLUMN IF NOT EXISTS steps SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(version UInt32, at DateTime64(3, 'UTC'), came_from Enum8('' = 0, 'draft' = 1, 'booked' = 2, 'received' = 3, 'triage' = 4, 'diagnosing' = 5, 'blocked_lock' = 6, 'quoted' = 7, 'approved' = 8, 'declined' = 9, 'awaiting_deposit' = 10, 'awaiting_parts' = 11, 'queued' = 12, 'repairing' = 13, 'outsourced' = 14, 'qc' = 15, 'rework' = 16, 'ready' = 17, 'collected' = 18, 'disposed' = 19, 'cancelled' = 20), state Enum8('' = 0, 'draft' = 1, 'booked' = 2, 'received' = 3, 'triage' = 4, 'diagnosing' = 5, 'blocked_lock' = 6, 'quoted' = 7, 'approved' = 8, 'declined' = 9, 'awaiting_deposit' = 10, 'awaiting_parts' = 11, 'queued' = 12, 'repairing' = 13, 'outsourced' = 14, 'qc' = 15, 'rework' = 16, 'ready' = 17, 'collected' = 18, 'disposed' = 19, 'cancelled' = 20), hold Enum8('' = 0, 'none' = 1, 'customer' = 2, 'supplier' = 3, 'internal' = 4, 'legal' = 5)))) COMMENT 'its opening, moves and holds: a move has no hold, a hold no state',
    ADD COLUMN IF NOT EXISTS repairs SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(at DateTime64(3, 'UTC'), technician String))) COMMENT 'checks that it passed, and who had repaired it',
    ADD COLUMN IF NOT EXISTS diagnoses SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(at DateTime64(3, 'UTC'), family String))) COMMENT 'the fault that each puts first',
    ADD COLUMN IF NOT EXISTS quotes SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(at DateTime64(3, 'UTC'), quote UInt64, valid_until DateTime64(3, 'UTC')))) COMMENT 'quote: cityHash64 of its hash',
    ADD COLUMN IF NOT EXISTS answers SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(at DateTime64(3, 'UTC'), quote UInt64, accepted Bool, cents Int64, currency String))) COMMENT 'of quotes that were accepted or declined',
    ADD COLUMN IF NOT EXISTS used SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(event_id UUID, at DateTime64(3, 'UTC'), sku String, pieces UInt32))) COMMENT 'parts committed to it';

DROP VIEW IF EXISTS tickets_from_events;

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
           event_ts, NULL)) AS closed_at,
    max(if(event_type = 'noizylab.ticket.opened.v1',
           coalesce(nullIf(JSONExtractString(payload, 'workspace_id'), ''), 'main'), '')) AS workspace_id,
    min(if(event_type = 'noizylab.ticket.moved.v1' AND state_from IN ('draft', 'booked', 'received')
           AND state_to NOT IN ('draft', 'booked', 'received', 'cancelled'), event_ts, NULL)) AS answered_at,
    min(if(event_type = 'noizylab.ticket.moved.v1' AND state_from = 'qc' AND state_to = 'ready', event_ts, NULL))
        AS passed_at,
    min(if(event_type = 'noizylab.ticket.moved.v1' AND state_to = 'rework', event_ts, NULL)) AS reworked_at,
    max(if(event_type = 'noizylab.ticket.warranty_claimed.v1', event_ts, NULL)) AS claimed_at,
    groupUniqArrayIf(
        (toUInt32(e.version), event_ts, state_to IN ('collected', 'disposed', 'cancelled')),
        event_type = 'noizylab.ticket.moved.v1'
        AND (state_from IN ('collected', 'disposed', 'cancelled')
             OR state_to IN ('collected', 'disposed', 'cancelled'))) AS ends,
    groupUniqArrayIf(
        (toUInt32(if(event_type = 'noizylab.ticket.opened.v1', 1, e.version)), event_ts,
         if(event_type = 'noizylab.ticket.moved.v1', indexOf(['draft', 'booked', 'received', 'triage', 'diagnosing', 'blocked_lock', 'quoted', 'approved', 'declined', 'awaiting_deposit', 'awaiting_parts', 'queued', 'repairing', 'outsourced', 'qc', 'rework', 'ready', 'collected', 'disposed', 'cancelled'], toString(state_from)), 0),
         if(event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1'),
            indexOf(['draft', 'booked', 'received', 'triage', 'diagnosing', 'blocked_lock', 'quoted', 'approved', 'declined', 'awaiting_deposit', 'awaiting_parts', 'queued', 'repairing', 'outsourced', 'qc', 'rework', 'ready', 'collected', 'disposed', 'cancelled'], toString(state_to)), 0),
         multiIf(event_type = 'noizylab.ticket.moved.v1', 0,
                 event_type = 'noizylab.ticket.hold_set.v1', indexOf(['none', 'customer', 'supplier', 'internal', 'legal'], JSONExtractString(payload, 'hold')), 1)),
        event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1', 'noizylab.ticket.hold_set.v1',
                       'noizylab.ticket.hold_released.v1')) AS steps,
    groupUniqArrayIf(
        (event_ts, if(state_from = 'qc' AND state_to = 'ready',
                      JSONExtractString(payload, 'evidence', 'repaired_by'), '')),
        event_type = 'noizylab.ticket.moved.v1' AND state_from = 'qc' AND state_to = 'ready') AS repairs,
    groupUniqArrayIf((event_ts, if(empty(e.faults), '', toString(tupleElement(e.faults[1], 'family')))),
                     event_type = 'noizylab.fault.diagnosed.v1') AS diagnoses,
    groupUniqArrayIf(
        (event_ts, cityHash64(quote_hash),
         parseDateTime64BestEffortOrZero(if(event_type = 'noizylab.quote.prepared.v1',
                                            JSONExtractString(payload, 'valid_until'), ''), 3, 'UTC')),
        event_type = 'noizylab.quote.prepared.v1') AS quotes,
    groupUniqArrayIf(
        (event_ts, cityHash64(quote_hash), event_type = 'noizylab.quote.accepted.v1', amount_cents,
         toString(currency)),
        event_type IN ('noizylab.quote.accepted.v1', 'noizylab.quote.declined.v1')) AS answers,
    groupUniqArrayArrayIf(
        arrayMap(line -> (event_id, event_ts, tupleElement(line, 'sku'), tupleElement(line, 'quantity')),
                 e.part_lines),
        event_type = 'noizylab.parts.committed.v1') AS used
FROM events AS e  -- its columns are named by e where a result has the same name
WHERE ticket_id != '' AND event_type IN (
    'noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1', 'noizylab.ticket.hold_set.v1',
    'noizylab.ticket.hold_released.v1', 'noizylab.ticket.warranty_claimed.v1', 'noizylab.fault.diagnosed.v1',
    'noizylab.quote.prepared.v1', 'noizylab.quote.accepted.v1', 'noizylab.quote.declined.v1',
    'noizylab.parts.committed.v1')
GROUP BY ticket_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS tickets_from_snapshots TO tickets AS
SELECT
    ticket_id, argMaxState(toString(device_category), s.version) AS category,
    argMaxState(toString(s.technician), s.version) AS technician
FROM ticket_snapshots AS s
GROUP BY ticket_id;

-- What was there already. Not deduplicated: after going back and forth the same rows must be taken again.
INSERT INTO tickets (ticket_id, workspace_id, answered_at, passed_at, reworked_at, claimed_at, ends, steps,
     repairs, diagnoses, quotes, answers, used)
SELECT
    ticket_id,
    max(if(event_type = 'noizylab.ticket.opened.v1',
           coalesce(nullIf(JSONExtractString(payload, 'workspace_id'), ''), 'main'), '')) AS workspace_id,
    min(if(event_type = 'noizylab.ticket.moved.v1' AND state_from IN ('draft', 'booked', 'received')
           AND state_to NOT IN ('draft', 'booked', 'received', 'cancelled'), event_ts, NULL)) AS answered_at,
    min(if(event_type = 'noizylab.ticket.moved.v1' AND state_from = 'qc' AND state_to = 'ready', event_ts, NULL))
        AS passed_at,
    min(if(event_type = 'noizylab.ticket.moved.v1' AND state_to = 'rework', event_ts, NULL)) AS reworked_at,
    max(if(event_type = 'noizylab.ticket.warranty_claimed.v1', event_ts, NULL)) AS claimed_at,
    groupUniqArrayIf(
        (toUInt32(e.version), event_ts, state_to IN ('collected', 'disposed', 'cancelled')),
        event_type = 'noizylab.ticket.moved.v1'
        AND (state_from IN ('collected', 'disposed', 'cancelled')
             OR state_to IN ('collected', 'disposed', 'cancelled'))) AS ends,
    groupUniqArrayIf(
        (toUInt32(if(event_type = 'noizylab.ticket.opened.v1', 1, e.version)), event_ts,
         if(event_type = 'noizylab.ticket.moved.v1', indexOf(['draft', 'booked', 'received', 'triage', 'diagnosing', 'blocked_lock', 'quoted', 'approved', 'declined', 'awaiting_deposit', 'awaiting_parts', 'queued', 'repairing', 'outsourced', 'qc', 'rework', 'ready', 'collected', 'disposed', 'cancelled'], toString(state_from)), 0),
         if(event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1'),
            indexOf(['draft', 'booked', 'received', 'triage', 'diagnosing', 'blocked_lock', 'quoted', 'approved', 'declined', 'awaiting_deposit', 'awaiting_parts', 'queued', 'repairing', 'outsourced', 'qc', 'rework', 'ready', 'collected', 'disposed', 'cancelled'], toString(state_to)), 0),
         multiIf(event_type = 'noizylab.ticket.moved.v1', 0,
                 event_type = 'noizylab.ticket.hold_set.v1', indexOf(['none', 'customer', 'supplier', 'internal', 'legal'], JSONExtractString(payload, 'hold')), 1)),
        event_type IN ('noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1', 'noizylab.ticket.hold_set.v1',
                       'noizylab.ticket.hold_released.v1')) AS steps,
    groupUniqArrayIf(
        (event_ts, if(state_from = 'qc' AND state_to = 'ready',
                      JSONExtractString(payload, 'evidence', 'repaired_by'), '')),
        event_type = 'noizylab.ticket.moved.v1' AND state_from = 'qc' AND state_to = 'ready') AS repairs,
    groupUniqArrayIf((event_ts, if(empty(e.faults), '', toString(tupleElement(e.faults[1], 'family')))),
                     event_type = 'noizylab.fault.diagnosed.v1') AS diagnoses,
    groupUniqArrayIf(
        (event_ts, cityHash64(quote_hash),
         parseDateTime64BestEffortOrZero(if(event_type = 'noizylab.quote.prepared.v1',
                                            JSONExtractString(payload, 'valid_until'), ''), 3, 'UTC')),
        event_type = 'noizylab.quote.prepared.v1') AS quotes,
    groupUniqArrayIf(
        (event_ts, cityHash64(quote_hash), event_type = 'noizylab.quote.accepted.v1', amount_cents,
         toString(currency)),
        event_type IN ('noizylab.quote.accepted.v1', 'noizylab.quote.declined.v1')) AS answers,
    groupUniqArrayArrayIf(
        arrayMap(line -> (event_id, event_ts, tupleElement(line, 'sku'), tupleElement(line, 'quantity')),
                 e.part_lines),
        event_type = 'noizylab.parts.committed.v1') AS used
FROM events AS e
WHERE ticket_id != '' AND event_type IN (
    'noizylab.ticket.opened.v1', 'noizylab.ticket.moved.v1', 'noizylab.ticket.hold_set.v1',
    'noizylab.ticket.hold_released.v1', 'noizylab.ticket.warranty_claimed.v1', 'noizylab.fault.diagnosed.v1',
    'noizylab.quote.prepared.v1', 'noizylab.quote.accepted.v1', 'noizylab.quote.declined.v1',
    'noizylab.parts.committed.v1')
GROUP BY ticket_id
SETTINGS insert_deduplicate = 0, max_bytes_before_external_group_by = 400000000;

INSERT INTO tickets (ticket_id, category, technician)
SELECT
    ticket_id, argMaxState(toString(device_category), s.version) AS category,
    argMaxState(toString(s.technician), s.version) AS technician
FROM ticket_snapshots AS s
GROUP BY ticket_id
SETTINGS insert_deduplicate = 0;

-- What parts cost, without reading the JSON of every receipt.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS sku LowCardinality(String) MATERIALIZED if(event_type = 'noizylab.stock.received.v1', JSONExtractString(payload, 'sku'), '') COMMENT 'of a receipt of stock',
    ADD COLUMN IF NOT EXISTS unit_cost_cents Int64 MATERIALIZED if(event_type = 'noizylab.stock.received.v1', JSONExtractInt(payload, 'unit_cost_cents'), 0) COMMENT 'of a receipt of stock';

ALTER TABLE events MATERIALIZE COLUMN sku, MATERIALIZE COLUMN unit_cost_cents;

-- What arrived in a period lies, within each type, where what happened in it does.
ALTER TABLE events ADD INDEX IF NOT EXISTS ingested_range ingested_at TYPE minmax GRANULARITY 1;

ALTER TABLE events MATERIALIZE INDEX ingested_range;
