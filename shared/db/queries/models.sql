-- name: listed
SELECT v.id, m.slug AS asset_model, v.purpose, v.version, v.state, v.method, v.trained_from, v.trained_to, v.trained_at,
       v.data_sha256, v.rows, v.features, v.metrics, v.calibration, v.seed, v.artefact_sha256, v.promoted_by,
       v.promoted_at, v.reason
FROM model_version v JOIN asset_model m ON m.id = v.asset_model_id
WHERE (%(asset_model)s::text IS NULL OR m.slug = %(asset_model)s) AND (%(id)s::integer IS NULL OR v.id = %(id)s)
ORDER BY m.slug, v.purpose, v.version DESC;

-- name: in_force
-- The champions of a model, or of a purpose the versions that were, with their artefacts: by purpose, the latest first.
SELECT v.id, v.purpose, v.version, v.state, v.method, v.trained_to, v.artefact, v.artefact_sha256
FROM model_version v
WHERE v.asset_model_id = %(asset_model_id)s
  AND (v.state = 'champion' OR (v.state = 'retired' AND v.promoted_at IS NOT NULL))
ORDER BY v.purpose, v.state <> 'champion', v.version DESC;

-- name: artefact
SELECT artefact, artefact_sha256 FROM model_version WHERE id = %(id)s;

-- name: lock
-- One training at a time, whoever trains; false: somebody does.
SELECT pg_try_advisory_lock(%(lock)s) AS is_ours;

-- name: unlock
SELECT pg_advisory_unlock(%(lock)s);

-- name: hold
-- Versions of one model and purpose are numbered, and their states changed, by one transaction at a time.
SELECT pg_advisory_xact_lock(%(lock)s, %(asset_model_id)s);

-- name: hold_of
SELECT pg_advisory_xact_lock(%(lock)s, asset_model_id) FROM model_version WHERE id = %(id)s;

-- name: insert
INSERT INTO model_version (asset_model_id, purpose, version, state, method, trained_from, trained_to, trained_at,
                           data_sha256, rows, features, metrics, calibration, seed, artefact, artefact_sha256, reason)
SELECT %(asset_model_id)s, %(purpose)s,
       1 + coalesce(max(version) FILTER (WHERE asset_model_id = %(asset_model_id)s AND purpose = %(purpose)s), 0),
       'challenger', %(method)s, %(trained_from)s, %(trained_to)s, %(trained_at)s, %(data_sha256)s, %(rows)s,
       %(features)s, %(metrics)s, %(calibration)s, %(seed)s, %(artefact)s, %(artefact_sha256)s, %(reason)s
FROM model_version
RETURNING id;

-- name: same
-- The version that learnt the same from the same data, if there is one.
SELECT id FROM model_version
WHERE asset_model_id = %(asset_model_id)s AND purpose = %(purpose)s AND artefact_sha256 = %(artefact_sha256)s
  AND data_sha256 = %(data_sha256)s
ORDER BY version DESC LIMIT 1;

-- name: retire
-- The champion, and challengers that another overtakes.
UPDATE model_version v SET state = 'retired'
FROM model_version w
WHERE w.id = %(id)s AND v.asset_model_id = w.asset_model_id AND v.purpose = w.purpose AND v.id <> w.id
  AND (v.state = 'champion' OR (v.state = 'challenger' AND v.version < w.version));

-- name: promote
UPDATE model_version SET state = 'champion', promoted_by = %(by)s, promoted_at = %(now)s, reason = %(reason)s
WHERE id = %(id)s;

-- name: foretold
-- The models of machines of which something is foretold.
SELECT m.id, m.slug, m.prognosis, m.detector, m.telemetry_hold_us,
       (SELECT coalesce(jsonb_agg(s.name ORDER BY s.name), '[]') FROM model_sensor s WHERE s.model_id = m.id) AS sensors
FROM asset_model m WHERE m.prognosis IS NOT NULL AND (%(slug)s::text IS NULL OR m.slug = %(slug)s)
ORDER BY m.id;

-- name: trainings
SELECT purpose, tried_at, failures, failed, outcome FROM model_training WHERE asset_model_id = %(asset_model_id)s;

-- name: note_training
INSERT INTO model_training (asset_model_id, purpose, tried_at, failures, failed, outcome)
VALUES (%(asset_model_id)s, %(purpose)s, %(now)s, %(failures)s, %(failed)s, %(outcome)s)
ON CONFLICT (asset_model_id, purpose) DO UPDATE SET tried_at = excluded.tried_at, failures = excluded.failures,
    failed = excluded.failed, outcome = excluded.outcome;
