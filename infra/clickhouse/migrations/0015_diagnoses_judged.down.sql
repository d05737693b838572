DROP VIEW IF EXISTS v_calibration;
DROP VIEW IF EXISTS v_diagnoses_judged;
