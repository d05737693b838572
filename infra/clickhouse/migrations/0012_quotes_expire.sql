-- A quote expires by itself: no event says so. It has expired when the moment it was valid until has passed, and it was
-- neither accepted nor declined.
DROP VIEW IF EXISTS v_quotes;

CREATE VIEW IF NOT EXISTS v_quotes AS
SELECT
    ticket_id,
    quote_hash,
    min(if(event_type = 'noizylab.quote.prepared.v1', event_ts, NULL)) AS prepared_at,
    argMinIf(currency, event_ts, event_type = 'noizylab.quote.prepared.v1') AS currency,
    argMinIf(amount_cents, event_ts, event_type = 'noizylab.quote.prepared.v1') AS quoted_cents,
    countIf(event_type = 'noizylab.quote.accepted.v1') > 0 AS accepted,
    argMinIf(amount_cents, event_ts, event_type = 'noizylab.quote.accepted.v1') AS accepted_cents,
    countIf(event_type = 'noizylab.quote.declined.v1') > 0 AS declined,
    NOT accepted AND NOT declined AND valid_until < now64(3, 'UTC') AS expired,
    max(parseDateTime64BestEffortOrZero(
        if(event_type = 'noizylab.quote.prepared.v1', JSONExtractString(payload, 'valid_until'), ''), 3, 'UTC'))
        AS valid_until
FROM events
WHERE event_type IN ('noizylab.quote.prepared.v1', 'noizylab.quote.accepted.v1', 'noizylab.quote.declined.v1')
GROUP BY ticket_id, quote_hash
HAVING prepared_at IS NOT NULL;

ALTER TABLE v_quotes MODIFY COMMENT 'One row a quote, with what became of it: expired when its validity has passed without an answer. Amounts in cents; accepted_cents is of the tier that was accepted.';
ALTER TABLE v_quote_funnel MODIFY COMMENT 'Tickets with a quote prepared in the month, and how many of these had such a quote accepted, declined or expired (valid no longer, without an answer), whenever that was. The rate is accepted over prepared.';
