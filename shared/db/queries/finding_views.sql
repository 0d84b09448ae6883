-- Findings as the API shows them. No query names a customer: row-level security decides which rows there are.

-- name: anomalies
SELECT n.id, n.asset_id, a.slug AS asset, c.slug AS customer, n.detector, n.severity, n.start_at, n.end_at,
       n.peak_score, n.contributions, n.signature, n.suppressed_by, m.id AS model_id, m.detector AS model,
       m.trained_from, m.trained_to, m.sha256 AS model_sha256, r.id AS review_id, r.verdict, r.label, r.note,
       r.reviewed_by, r.reviewed_at
FROM anomaly n
JOIN asset a ON a.id = n.asset_id
JOIN customer c ON c.id = n.customer_id
JOIN model m ON m.id = n.model_id
LEFT JOIN LATERAL vouch_review_of(n.asset_id, n.start_at, n.end_at) r ON true
WHERE (%(id)s::bigint IS NULL OR n.id = %(id)s)
  AND (%(asset_id)s::integer IS NULL OR n.asset_id = %(asset_id)s)
  AND (%(is_open)s::boolean IS NULL OR (n.end_at IS NULL) = %(is_open)s)
  AND (%(severity)s::text IS NULL OR n.severity = %(severity)s)
  AND (%(is_reviewed)s::boolean IS NULL OR (r.id IS NOT NULL) = %(is_reviewed)s)
  AND (%(is_suppressed)s::boolean IS NULL OR (n.suppressed_by IS NOT NULL) = %(is_suppressed)s)
  AND (%(start)s::timestamptz IS NULL OR n.end_at IS NULL OR n.end_at > %(start)s)
  AND (%(end)s::timestamptz IS NULL OR n.start_at < %(end)s)
  AND (n.start_at, n.id) < (%(before_at)s, %(before_id)s)
ORDER BY n.start_at DESC, n.id DESC LIMIT %(limit)s

-- name: scores
-- Of one sensor what it showed, what was expected and what it carried; NaN where a score says nothing of it.
SELECT coalesce(array_agg(s.at ORDER BY s.at), '{}') AS at,
       coalesce(array_agg(s.score ORDER BY s.at), '{}') AS score,
       coalesce(array_agg(coalesce((s.one ->> 'observed')::float8, 'NaN') ORDER BY s.at), '{}') AS observed,
       coalesce(array_agg(coalesce((s.one ->> 'expected')::float8, 'NaN') ORDER BY s.at), '{}') AS expected,
       coalesce(array_agg(coalesce((s.one ->> 'share')::float8, 'NaN') ORDER BY s.at), '{}') AS share
FROM (
    SELECT at, score, jsonb_path_query_first(contributions, '$[*] ? (@.sensor == $name)',
                                             jsonb_build_object('name', %(sensor)s::text)) AS one
    FROM anomaly_score
    WHERE asset_id = %(asset_id)s AND at >= %(start)s AND at < %(end)s
    ORDER BY at DESC LIMIT %(limit)s
) s

-- name: watch
SELECT a.id AS asset_id, c.slug || '/' || si.slug || '/' || a.slug AS asset, k.detector AS settings,
       w.healthy_from, w.healthy_to, w.origin, w.reset_at, w.reset_by, w.drift, w.checked_at,
       coalesce(w.is_outdated, false) AS is_outdated,
       m.id AS model_id, m.detector AS model, m.trained_from, m.trained_to, m.trained_at, m.sha256 AS model_sha256,
       m.parameters ->> 'refused' AS refused, (m.parameters ->> 'rows')::bigint AS rows,
       (m.parameters ->> 'rows_needed')::bigint AS rows_needed,
       coalesce(m.parameters -> 'left_out', '{}') AS left_out
FROM asset a
JOIN site si ON si.id = a.site_id
JOIN customer c ON c.id = a.customer_id
JOIN asset_model k ON k.id = a.model_id
LEFT JOIN watch_state w ON w.asset_id = a.id
LEFT JOIN LATERAL (SELECT * FROM model t WHERE t.asset_id = a.id
                   ORDER BY t.valid_from DESC, t.trained_at DESC, t.id DESC LIMIT 1) m ON true
WHERE a.id = %(asset_id)s
