-- What the brain said and what technicians found, as `processors/brain/reliability.py` counts it: the newest diagnosis
-- of a ticket, abstentions too, against the newest fault that a move of it names. Which diagnosis is the newest, the log
-- says (a ticket's lie in one partition); clocks of two machines may differ.
CREATE VIEW IF NOT EXISTS v_diagnoses_judged AS
SELECT
    said.event_id AS event_id, said.event_ts AS event_ts, said.ticket_id AS ticket_id, said.engine AS engine,
    said.abstained AS abstained, said.family AS family, said.probability AS probability,
    said.newest AS newest, found.family AS found_family, found.found_at AS found_at,
    toBool(found.family != '' AND said.family != '') AS judged,
    toBool(judged AND said.family = found.family) AS right_first
FROM
(
    SELECT
        event_id, event_ts, ticket_id, JSONExtractString(payload, 'engine') AS engine,
        toBool(event_type = 'noizylab.diagnosis.abstained.v1') AS abstained,
        if(empty(e.faults), '', toString(tupleElement(e.faults[1], 'family'))) AS family,
        if(empty(e.faults), 0, tupleElement(e.faults[1], 'probability')) AS probability,
        toBool(row_number() OVER (PARTITION BY ticket_id ORDER BY k_offset DESC) = 1) AS newest
    FROM p_events AS e
    WHERE event_type IN ('noizylab.fault.diagnosed.v1', 'noizylab.diagnosis.abstained.v1')
) AS said
LEFT JOIN
(
    SELECT
        ticket_id,
        argMax(JSONExtractString(payload, 'evidence', 'fault_family'), e.version) AS family,
        argMax(toNullable(event_ts), e.version) AS found_at
    FROM events AS e
    WHERE event_type = 'noizylab.ticket.moved.v1' AND JSONExtractString(payload, 'evidence', 'fault_family') != ''
    GROUP BY ticket_id
) AS found ON found.ticket_id = said.ticket_id;

-- ECE: of ten bins of equal width, the mean gap between what was said and what was so, weighed by their diagnoses
-- (Naeini et al. 2015). A bin's gap times its diagnoses is what its sums differ by.
CREATE VIEW IF NOT EXISTS v_calibration AS
SELECT
    if(grouping(engine) = 1, 'all', engine) AS engine_version,
    if(grouping(family) = 1, 'all', family) AS first_family,
    count() AS outcomes,
    avg(probability) AS said,
    avg(right_first) AS accuracy,
    arraySum(gap -> abs(gap), tupleElement(
        sumMap([toUInt8(least(9, floor(probability * 10)))], [probability - right_first]), 2)) / count() AS ece,
    avg(pow(probability - right_first, 2)) AS brier
FROM v_diagnoses_judged
WHERE newest AND judged
GROUP BY GROUPING SETS ((engine, family), (engine), (family), ())
HAVING outcomes > 0
ORDER BY outcomes DESC, engine_version, first_family;

ALTER TABLE v_diagnoses_judged MODIFY COMMENT 'Diagnoses and abstentions, a row each: what was put first and how likely, and the fault that a technician named (found_family, empty while nobody has). Of several of a ticket the newest counts. Each diagnosis once.';
ALTER TABLE v_calibration MODIFY COMMENT 'How far diagnoses can be believed: of the newest diagnosis of each ticket whose fault a technician named, the mean probability of the family put first, the share that was right, the calibration error over ten bins and the Brier score, by model version and family. "all" stands for every version or family: do not add rows up.';
