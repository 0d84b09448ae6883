-- name: watched
SELECT a.customer_id, m.detector, a.healthy_from, a.healthy_to,
       (SELECT dropped_before FROM retention WHERE what = 'readings') AS readings_from,
       (SELECT coalesce(jsonb_object_agg(s.name, s.id), '{}') FROM sensor s WHERE s.asset_id = a.id) AS series,
       coalesce((SELECT i.end_at FROM interval i WHERE i.asset_id = a.id ORDER BY i.start_at DESC LIMIT 1),
                a.healthy_from) AS known_to,
       (SELECT f.start_at FROM anomaly f WHERE f.asset_id = a.id AND f.end_at IS NULL
        ORDER BY f.start_at LIMIT 1) AS open_since,
       trained.id AS model_id, trained.parameters, trained.sha256
FROM asset a
JOIN asset_model m ON m.id = a.model_id
LEFT JOIN LATERAL (SELECT t.id, t.parameters, t.sha256 FROM model t WHERE t.asset_id = a.id
                   ORDER BY t.trained_at DESC, t.id DESC LIMIT 1) trained ON true
WHERE a.id = %(asset_id)s AND m.detector IS NOT NULL AND a.healthy_from IS NOT NULL AND a.healthy_to IS NOT NULL

-- name: bucket_means
-- Clamped, because avg overflows on the squares of values above 1e154.
SELECT series_id,
       (extract(epoch FROM date_bin(%(bucket)s, at, timestamptz 'epoch')) * 1000000)::bigint AS bucket_us,
       avg(greatest(least(value, 1e120), -1e120)) AS mean
FROM reading
WHERE series_id = ANY (%(series_ids)s) AND at >= %(start_at)s AND at < %(end_at)s
GROUP BY series_id, date_bin(%(bucket)s, at, timestamptz 'epoch')

-- name: exact_bucket_means
-- The last bit of a sum of doubles depends on their order, and what is trained must not depend on the order of arrival.
-- Sorting costs as much again as the rest.
SELECT series_id,
       (extract(epoch FROM date_bin(%(bucket)s, at, timestamptz 'epoch')) * 1000000)::bigint AS bucket_us,
       avg(greatest(least(value, 1e120), -1e120) ORDER BY at) AS mean
FROM reading
WHERE series_id = ANY (%(series_ids)s) AND at >= %(start_at)s AND at < %(end_at)s
GROUP BY series_id, date_bin(%(bucket)s, at, timestamptz 'epoch')

-- name: save_model
INSERT INTO model (customer_id, asset_id, detector, trained_from, trained_to, trained_at, parameters, sha256)
SELECT a.customer_id, a.id, %(detector)s, %(trained_from)s, %(trained_to)s, %(trained_at)s, %(parameters)s, %(sha256)s
FROM asset a WHERE a.id = %(asset_id)s
ON CONFLICT (asset_id, detector, sha256) DO UPDATE SET trained_at = excluded.trained_at
RETURNING id

-- name: forget_findings
DELETE FROM anomaly WHERE asset_id = %(asset_id)s

-- name: forget_scores
DELETE FROM anomaly_score WHERE asset_id = %(asset_id)s

-- name: replace_scores
-- Most of what is scored again is as it was: it must cost no write.
WITH fresh AS MATERIALIZED (
    SELECT at, score, contributions
    FROM jsonb_to_recordset(%(scores)s::jsonb) AS r (at timestamptz, score double precision, contributions jsonb)
), dropped AS (
    DELETE FROM anomaly_score s USING model t
    WHERE t.id = %(model_id)s AND s.asset_id = t.asset_id AND s.at >= %(start_at)s AND s.at < %(end_at)s
      AND NOT EXISTS (SELECT FROM fresh WHERE fresh.at = s.at)
    RETURNING 1
), saved AS (
    INSERT INTO anomaly_score (asset_id, at, customer_id, model_id, score, contributions)
    SELECT t.asset_id, fresh.at, t.customer_id, t.id, fresh.score, fresh.contributions
    FROM model t, fresh
    WHERE t.id = %(model_id)s AND NOT EXISTS (
        SELECT FROM anomaly_score s
        WHERE s.asset_id = t.asset_id AND s.at >= %(start_at)s AND s.at < %(end_at)s AND s.at = fresh.at
          AND s.model_id = t.id AND s.score = fresh.score AND s.contributions = fresh.contributions)
    ON CONFLICT (asset_id, at) DO UPDATE
    SET model_id = excluded.model_id, score = excluded.score, contributions = excluded.contributions
    RETURNING 1
)
SELECT (SELECT count(*) FROM dropped) + (SELECT count(*) FROM saved) AS changed

-- name: scores
SELECT (extract(epoch FROM at) * 1000000)::bigint AS at_us, score FROM anomaly_score
WHERE asset_id = %(asset_id)s AND at >= %(start_at)s AND at < %(end_at)s
ORDER BY at

-- name: drop_findings
DELETE FROM anomaly
WHERE asset_id = (SELECT t.asset_id FROM model t WHERE t.id = %(model_id)s)
  AND start_at >= %(start_at)s AND start_at < %(end_at)s
  AND start_at <> ALL (%(kept)s::timestamptz[])

-- name: save_findings
-- The contributions of a finding are the means over its latest 200 buckets above the threshold: the fault as far as it
-- has developed, at a cost that does not grow with its age.
INSERT INTO anomaly (customer_id, asset_id, model_id, start_at, end_at, peak_score, contributions)
SELECT t.customer_id, t.asset_id, t.id, fresh.start_at, CASE WHEN fresh.is_open THEN NULL ELSE fresh.until_at END,
       fresh.peak_score, carried.contributions
FROM model t,
     unnest(%(start_at)s::timestamptz[], %(until_at)s::timestamptz[], %(is_open)s::boolean[],
            %(peak_score)s::double precision[]) AS fresh (start_at, until_at, is_open, peak_score),
     LATERAL (
         SELECT jsonb_agg(jsonb_build_object(
                    'sensor', mean.sensor, 'share', round(mean.share::numeric, 4),
                    'observed', mean.observed, 'expected', mean.expected,
                    'direction', CASE WHEN mean.observed > mean.expected THEN 'high' ELSE 'low' END)
                    ORDER BY mean.share DESC, mean.sensor) AS contributions
         FROM (SELECT one.sensor, avg(one.share ORDER BY s.at) AS share, avg(one.observed ORDER BY s.at) AS observed,
                      avg(one.expected ORDER BY s.at) AS expected
               FROM (SELECT a.at, a.contributions FROM anomaly_score a
                     WHERE a.asset_id = t.asset_id AND a.at >= fresh.start_at AND a.at < fresh.until_at
                       AND a.score >= 1.0
                     ORDER BY a.at DESC LIMIT 200) s,
                    jsonb_to_recordset(s.contributions) AS one (
                        sensor text, share double precision, observed double precision, expected double precision)
               GROUP BY one.sensor) mean
     ) carried
WHERE t.id = %(model_id)s
ON CONFLICT (asset_id, start_at) DO UPDATE
SET model_id = excluded.model_id, end_at = excluded.end_at, peak_score = excluded.peak_score,
    contributions = excluded.contributions
WHERE (anomaly.model_id, anomaly.end_at, anomaly.peak_score, anomaly.contributions)
      IS DISTINCT FROM (excluded.model_id, excluded.end_at, excluded.peak_score, excluded.contributions)
