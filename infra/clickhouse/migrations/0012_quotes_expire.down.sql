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
    countIf(event_type = 'noizylab.quote.expired.v1') > 0 AS expired
FROM events
WHERE event_type IN ('noizylab.quote.prepared.v1', 'noizylab.quote.accepted.v1', 'noizylab.quote.declined.v1',
                     'noizylab.quote.expired.v1')
GROUP BY ticket_id, quote_hash
HAVING prepared_at IS NOT NULL;

ALTER TABLE v_quote_funnel MODIFY COMMENT 'Tickets with a quote prepared in the month, and how many of these had such a quote accepted, declined or expired, whenever that was. The rate is accepted over prepared.';
ALTER TABLE v_quotes MODIFY COMMENT 'One row a quote, with what became of it. Amounts in cents; accepted_cents is of the tier that was accepted.';
