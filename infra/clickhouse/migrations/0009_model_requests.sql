-- What language models were asked and what it cost, a row each; the book itself is the topic models.events.v1.
CREATE VIEW IF NOT EXISTS v_model_requests AS
SELECT
    event_id, event_ts,
    toDate(parseDateTimeBestEffortOrZero(JSONExtractString(payload, 'day'))) AS day,
    JSONExtractString(payload, 'repair_id') AS repair_id,
    JSONExtractString(payload, 'purpose') AS purpose,
    JSONExtractString(payload, 'model') AS model,
    JSONExtractString(payload, 'outcome') AS outcome,
    JSONExtractString(payload, 'request_id') AS request_id,
    JSONExtractUInt(payload, 'input_tokens') AS input_tokens,
    JSONExtractUInt(payload, 'output_tokens') AS output_tokens,
    JSONExtractUInt(payload, 'cache_read_tokens') AS cache_read_tokens,
    JSONExtractUInt(payload, 'cache_write_tokens') AS cache_write_tokens,
    JSONExtractUInt(payload, 'spent_usd_micros') AS spent_usd_micros,
    JSONExtractBool(payload, 'estimated') AS estimated
FROM p_events
WHERE event_type = 'noizylab.model.asked.v1';

ALTER TABLE v_model_requests MODIFY COMMENT 'Requests to language models that are over, a row each, in millionths of a US dollar. What is set aside for requests under way is not in it. Each request once.';
