-- name: watched
SELECT a.id AS asset_id, m.detector, a.healthy_from, a.healthy_to, s.checked_at, s.drift,
       s.healthy_from AS state_from, s.healthy_to AS state_to, s.origin, s.reset_at, s.reset_by, s.searched_at,
       s.is_outdated,
       (SELECT dropped_before FROM retention WHERE what = 'readings') AS readings_from,
       (SELECT coalesce(jsonb_object_agg(n.name, n.id), '{}') FROM sensor n WHERE n.asset_id = a.id) AS series,
       (SELECT i.start_at FROM interval i WHERE i.asset_id = a.id ORDER BY i.start_at LIMIT 1) AS known_from,
       (SELECT i.end_at FROM interval i WHERE i.asset_id = a.id ORDER BY i.start_at DESC LIMIT 1) AS known_to,
       (SELECT f.start_at FROM anomaly f WHERE f.asset_id = a.id AND f.end_at IS NULL
        ORDER BY f.start_at LIMIT 1) AS open_since
FROM asset a
JOIN asset_model m ON m.id = a.model_id
LEFT JOIN watch_state s ON s.asset_id = a.id
WHERE a.id = ANY (%(assets)s) AND m.detector IS NOT NULL
ORDER BY a.id;

-- name: resets
SELECT asset_id, at, cause FROM watch_reset WHERE asset_id = ANY (%(assets)s) ORDER BY asset_id, at;

-- name: models
-- The latest of each time for which there is one of its own.
SELECT DISTINCT ON (asset_id, valid_from) asset_id, nullif(valid_from, '-infinity') AS valid_from, id, sha256,
       circumstances
FROM model WHERE asset_id = ANY (%(assets)s)
ORDER BY asset_id, valid_from, trained_at DESC, id DESC;

-- name: parameters
SELECT id, parameters FROM model WHERE id = ANY (%(ids)s);

-- name: save_model
-- The same content is one row; what it held, should somebody have changed it, is put right.
INSERT INTO model (customer_id, asset_id, detector, trained_from, trained_to, trained_at, parameters, sha256,
                   valid_from, circumstances)
SELECT a.customer_id, a.id, %(detector)s, %(trained_from)s, %(trained_to)s, %(trained_at)s, %(parameters)s, %(sha256)s,
       coalesce(%(valid_from)s::timestamptz, '-infinity'), %(circumstances)s
FROM asset a WHERE a.id = %(asset_id)s
ON CONFLICT (asset_id, detector, sha256) DO UPDATE SET trained_at = excluded.trained_at,
    parameters = excluded.parameters, valid_from = excluded.valid_from, circumstances = excluded.circumstances
RETURNING id;

-- name: read_resets
-- The stretches that reset an asset's detector and overlap or touch a window; of those that follow each other without a
-- gap the last one.
SELECT w.asset_id, i.start_at, i.end_at, i.cause
FROM unnest(%(assets)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS w (asset_id, start_at, end_at)
JOIN asset a ON a.id = w.asset_id
JOIN asset_model m ON m.id = a.model_id
JOIN interval i ON i.asset_id = w.asset_id AND i.start_at <= w.end_at AND i.end_at >= w.start_at
    AND i.start_at >= coalesce(
        (SELECT max(p.start_at) FROM interval p WHERE p.asset_id = w.asset_id AND p.start_at < w.start_at), w.start_at)
WHERE m.detector -> 'resets' ? i.cause AND NOT EXISTS (
    SELECT FROM interval n
    WHERE n.asset_id = i.asset_id AND n.start_at = i.end_at AND m.detector -> 'resets' ? n.cause)
ORDER BY w.asset_id, i.start_at;

-- name: drop_resets
DELETE FROM watch_reset
WHERE asset_id = %(asset_id)s AND at >= %(start)s AND at <= %(end)s AND at <> ALL (%(kept)s::timestamptz[])
RETURNING at;

-- name: save_resets
INSERT INTO watch_reset (asset_id, at, customer_id, cause)
SELECT a.id, r.at, a.customer_id, r.cause
FROM asset a, unnest(%(at)s::timestamptz[], %(cause)s::text[]) AS r (at, cause)
WHERE a.id = %(asset_id)s
ON CONFLICT (asset_id, at) DO UPDATE SET cause = excluded.cause WHERE watch_reset.cause <> excluded.cause
RETURNING at;

-- name: known_bad
-- When a person has confirmed that something was wrong.
SELECT start_at, end_at FROM finding_review
WHERE asset_id = %(asset_id)s AND superseded_at IS NULL AND verdict = 'confirmed'
  AND start_at < %(end)s AND end_at > %(start)s
ORDER BY start_at, id;

-- name: save_state
INSERT INTO watch_state (asset_id, customer_id, healthy_from, healthy_to, origin, reset_at, reset_by, drift, checked_at,
                         searched_at, is_outdated)
SELECT a.id, a.customer_id, %(healthy_from)s, %(healthy_to)s, %(origin)s, %(reset_at)s, %(reset_by)s, %(drift)s,
       %(checked_at)s, %(searched_at)s, %(is_outdated)s
FROM asset a WHERE a.id = %(asset_id)s
ON CONFLICT (asset_id) DO UPDATE SET healthy_from = excluded.healthy_from, healthy_to = excluded.healthy_to,
    origin = excluded.origin, reset_at = excluded.reset_at, reset_by = excluded.reset_by, drift = excluded.drift,
    checked_at = excluded.checked_at, searched_at = excluded.searched_at, is_outdated = excluded.is_outdated;
