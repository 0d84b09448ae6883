-- name: running
-- When machines ran in windows of theirs, by the number of the window.
SELECT w.n, array_agg(i.start_at ORDER BY i.start_at) AS starts, array_agg(i.end_at ORDER BY i.start_at) AS ends
FROM unnest(%(assets)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY
     AS w (asset_id, start_at, end_at, n)
CROSS JOIN LATERAL (
    SELECT start_at, end_at FROM interval
    WHERE asset_id = w.asset_id AND start_at < w.end_at AND end_at > w.start_at AND category IN ('FP', 'PP')
      AND start_at >= coalesce(
          (SELECT max(start_at) FROM interval WHERE asset_id = w.asset_id AND start_at <= w.start_at), w.start_at)
) AS i
GROUP BY w.n;

-- name: bucket_means
-- Of each series in its own window. Clamped, because avg overflows on the squares of values above 1e154.
SELECT g.n, array_agg(g.bucket_at) AS at, array_agg(g.mean) AS mean
FROM (
    SELECT w.n, date_bin(w.bucket, r.at, timestamptz 'epoch') AS bucket_at,
           avg(greatest(least(r.value, 1e120), -1e120)) AS mean
    FROM unnest(%(series)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(buckets)s::interval[])
         WITH ORDINALITY AS w (series_id, start_at, end_at, bucket, n)
    JOIN reading r ON r.series_id = w.series_id AND r.at >= w.start_at AND r.at < w.end_at
    WHERE r.series_id = ANY (%(series)s) AND r.at >= %(first)s AND r.at < %(last)s
    GROUP BY 1, 2
) AS g
GROUP BY g.n;

-- name: exact_bucket_means
-- The last bit of a sum of doubles depends on their order, and what is trained must not depend on the order of arrival.
-- Sorting costs as much again as the rest.
SELECT g.n, array_agg(g.bucket_at) AS at, array_agg(g.mean) AS mean
FROM (
    SELECT w.n, date_bin(w.bucket, r.at, timestamptz 'epoch') AS bucket_at,
           avg(greatest(least(r.value, 1e120), -1e120) ORDER BY r.at) AS mean
    FROM unnest(%(series)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(buckets)s::interval[])
         WITH ORDINALITY AS w (series_id, start_at, end_at, bucket, n)
    JOIN reading r ON r.series_id = w.series_id AND r.at >= w.start_at AND r.at < w.end_at
    WHERE r.series_id = ANY (%(series)s) AND r.at >= %(first)s AND r.at < %(last)s
    GROUP BY 1, 2
) AS g
GROUP BY g.n;

-- name: forget_findings
DELETE FROM anomaly
WHERE asset_id = %(asset_id)s AND start_at >= %(start)s AND start_at < coalesce(%(end)s, timestamptz 'infinity');

-- name: forget_scores
DELETE FROM anomaly_score
WHERE asset_id = %(asset_id)s AND at >= %(start)s AND at < coalesce(%(end)s, timestamptz 'infinity');

-- name: scores
-- By the number of the window; model_id as a column of float8 so that it is read like the scores.
SELECT w.n, array_agg(s.at ORDER BY s.at) AS at, array_agg(s.score ORDER BY s.at) AS score,
       array_agg(s.model_id::double precision ORDER BY s.at) AS model_id
FROM unnest(%(assets)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY
     AS w (asset_id, start_at, end_at, n)
JOIN anomaly_score s ON s.asset_id = w.asset_id AND s.at >= w.start_at AND s.at < w.end_at
GROUP BY w.n;

-- name: drop_scores
DELETE FROM anomaly_score s USING unnest(%(assets)s::integer[], %(at)s::timestamptz[]) AS u (asset_id, at)
WHERE s.asset_id = u.asset_id AND s.at = u.at;

-- name: save_scores
INSERT INTO anomaly_score (asset_id, at, customer_id, model_id, score, contributions, detector)
SELECT t.asset_id, u.at, t.customer_id, t.id, u.score, u.contributions, u.detector
FROM unnest(%(models)s::integer[], %(at)s::timestamptz[], %(score)s::double precision[], %(contributions)s::jsonb[],
            %(detector)s::text[]) AS u (model_id, at, score, contributions, detector)
JOIN model t ON t.id = u.model_id
ON CONFLICT (asset_id, at) DO UPDATE
SET model_id = excluded.model_id, score = excluded.score, contributions = excluded.contributions,
    detector = excluded.detector
WHERE (anomaly_score.model_id, anomaly_score.score, anomaly_score.contributions, anomaly_score.detector)
      IS DISTINCT FROM (excluded.model_id, excluded.score, excluded.contributions, excluded.detector);

-- name: found
-- The findings that are there, by the number of the window in which they start.
SELECT w.n, f.start_at FROM unnest(%(assets)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
     WITH ORDINALITY AS w (asset_id, start_at, end_at, n)
JOIN anomaly f ON f.asset_id = w.asset_id AND f.start_at >= w.start_at AND f.start_at < w.end_at;

-- name: drop_findings
DELETE FROM anomaly n USING unnest(%(assets)s::integer[], %(starts)s::timestamptz[]) AS u (asset_id, start_at)
WHERE n.asset_id = u.asset_id AND n.start_at = u.start_at;

-- name: save_findings
-- The contributions of a finding are the means over its latest 200 buckets above the threshold: the fault as far as it
-- has developed, at a cost that does not grow with its age. It is found by the detector that leads most of them.
INSERT INTO anomaly (customer_id, asset_id, model_id, start_at, end_at, peak_score, contributions, severity, detector,
                     signature)
SELECT t.customer_id, t.asset_id, t.id, fresh.start_at, CASE WHEN fresh.is_open THEN NULL ELSE fresh.until_at END,
       fresh.peak_score, coalesce(carried.contributions, '[]'), fresh.severity, coalesce(leads.detector, t.detector),
       coalesce(carried.signature, '{}')
FROM unnest(%(model_id)s::integer[], %(start_at)s::timestamptz[], %(until_at)s::timestamptz[], %(is_open)s::boolean[],
            %(peak_score)s::double precision[], %(severity)s::text[])
     AS fresh (model_id, start_at, until_at, is_open, peak_score, severity)
JOIN model t ON t.id = fresh.model_id
CROSS JOIN LATERAL (
    SELECT mode() WITHIN GROUP (ORDER BY s.detector) AS detector
    FROM (SELECT a.detector FROM anomaly_score a
          WHERE a.asset_id = t.asset_id AND a.at >= fresh.start_at AND a.at < fresh.until_at AND a.score >= 1.0
          ORDER BY a.at DESC LIMIT 200) s
) leads
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'sensor', mean.sensor, 'share', round(mean.share::numeric, 4),
               'observed', mean.observed, 'expected', mean.expected, 'direction', mean.direction)
               ORDER BY mean.share DESC, mean.sensor) AS contributions,
           jsonb_object_agg(mean.sensor, CASE mean.direction WHEN 'high' THEN 1 ELSE -1 END
                                         * round(mean.share::numeric, 4)) AS signature
    FROM (SELECT one.sensor, avg(one.share ORDER BY s.at) AS share, avg(one.observed ORDER BY s.at) AS observed,
                 avg(one.expected ORDER BY s.at) AS expected,
                 CASE WHEN avg(one.observed ORDER BY s.at) > avg(one.expected ORDER BY s.at)
                     THEN 'high' ELSE 'low' END AS direction
          FROM (SELECT a.at, a.contributions FROM anomaly_score a
                WHERE a.asset_id = t.asset_id AND a.at >= fresh.start_at AND a.at < fresh.until_at AND a.score >= 1.0
                ORDER BY a.at DESC LIMIT 200) s,
               jsonb_to_recordset(s.contributions) AS one (
                   sensor text, share double precision, observed double precision, expected double precision)
          GROUP BY one.sensor) mean
) carried
ON CONFLICT (asset_id, start_at) DO UPDATE
SET model_id = excluded.model_id, end_at = excluded.end_at, peak_score = excluded.peak_score,
    contributions = excluded.contributions, severity = excluded.severity, detector = excluded.detector,
    signature = excluded.signature
WHERE (anomaly.model_id, anomaly.end_at, anomaly.peak_score, anomaly.contributions, anomaly.severity, anomaly.detector)
      IS DISTINCT FROM (excluded.model_id, excluded.end_at, excluded.peak_score, excluded.contributions,
                        excluded.severity, excluded.detector);
