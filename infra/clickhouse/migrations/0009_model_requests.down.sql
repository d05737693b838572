DROP VIEW IF EXISTS v_model_requests;
