-- What was foretold, as the API shows it. No query names a customer: row-level security decides which rows there are.

-- name: by_risk
-- Of each component of each machine the last one; the likeliest failure first, what cannot be said last.
WITH latest AS (
    SELECT a.id AS of_asset, c.slug || '/' || si.slug || '/' || a.slug AS asset, p.*, coalesce(p.p_30d, -1) AS risk
    FROM asset a
    JOIN asset_model m ON m.id = a.model_id
    JOIN site si ON si.id = a.site_id
    JOIN customer c ON c.id = a.customer_id
    CROSS JOIN LATERAL (SELECT DISTINCT k ->> 'name' AS name FROM jsonb_array_elements(m.prognosis -> 'components') AS k) n
    CROSS JOIN LATERAL (
        SELECT * FROM prediction p WHERE p.asset_id = a.id AND p.component = n.name ORDER BY p.at DESC LIMIT 1
    ) p
    WHERE %(asset_id)s::integer IS NULL OR a.id = %(asset_id)s
)
SELECT id, asset_id, asset, component, at, made_at, method, model_name AS model, model_version_id, p10_h, p50_h, p90_h,
       p_24h, p_7d, p_30d, health, latest_at, reason, evidence
FROM latest
WHERE (-risk, id) > (-%(after_risk)s::float8, %(after_id)s)
ORDER BY -risk, id LIMIT %(limit)s

-- name: history
SELECT p.id, p.asset_id, c.slug || '/' || si.slug || '/' || a.slug AS asset, p.component, p.at, p.made_at, p.method,
       p.model_name AS model, p.model_version_id, p.p10_h, p.p50_h, p.p90_h, p.p_24h, p.p_7d, p.p_30d, p.health,
       p.latest_at, p.reason, p.evidence
FROM prediction p
JOIN asset a ON a.id = p.asset_id
JOIN site si ON si.id = a.site_id
JOIN customer c ON c.id = a.customer_id
WHERE p.asset_id = %(asset_id)s AND (%(component)s::text IS NULL OR p.component = %(component)s)
  AND p.at >= %(start)s AND p.at < %(end)s AND (p.at, p.id) > (%(after_at)s, %(after_id)s)
ORDER BY p.at, p.id LIMIT %(limit)s

-- name: outlooks
-- The history of one component with as many instants as a plot has room for, the last among them.
SELECT at, p10_h, p50_h, p90_h, health FROM (
    SELECT at, p10_h, p50_h, p90_h, health, row_number() OVER (ORDER BY at DESC) - 1 AS place,
           (count(*) OVER () + %(most)s - 1) / %(most)s AS step
    FROM prediction
    WHERE asset_id = %(asset_id)s AND component = %(component)s AND at >= %(start)s AND at < %(end)s
) p
WHERE place %% step = 0 ORDER BY at

-- name: failures
-- When components failed: the machine is out of order by one of the causes that the model's prognosis names for the
-- component. Until it runs again it is the same stop, and what began as planned work on the component stays planned work.
SELECT i.asset_id, k ->> 'name' AS component, i.start_at AS at
FROM asset a
JOIN asset_model m ON m.id = a.model_id
CROSS JOIN LATERAL jsonb_array_elements(m.prognosis -> 'components') AS k
JOIN interval i ON i.asset_id = a.id AND i.category = 'FO' AND k -> 'causes' ? i.cause
WHERE (%(asset_id)s::integer IS NULL OR a.id = %(asset_id)s) AND i.start_at >= %(start)s AND i.start_at < %(end)s
  AND NOT EXISTS (
      SELECT FROM interval b
      WHERE b.asset_id = i.asset_id AND b.start_at < i.start_at AND b.category IN ('FO', 'SM', 'PCA')
        AND k -> 'causes' ? b.cause
        AND b.start_at > coalesce((SELECT max(r.start_at) FROM interval r
                                   WHERE r.asset_id = i.asset_id AND r.start_at < i.start_at
                                     AND r.category IN ('FP', 'PP')), '-infinity'))
ORDER BY i.start_at, component LIMIT %(limit)s

-- name: notice_scores
-- By model and component, of the notices given and the failures that happened in a window. A failure is announced that a
-- confirmed notice foretold; what counts as one is as above.
WITH said AS (
    SELECT a.model_id, n.component, count(*) AS given,
           count(*) FILTER (WHERE n.state = 'open') AS open, count(*) FILTER (WHERE n.state = 'confirmed') AS confirmed,
           count(*) FILTER (WHERE n.state = 'averted') AS averted,
           count(*) FILTER (WHERE n.state = 'false') AS false_alarms,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM n.failed_at - n.given_at)::float8 / 3600)
               FILTER (WHERE n.state = 'confirmed') AS lead_h,
           min(extract(epoch FROM n.failed_at - n.given_at)::float8 / 3600)
               FILTER (WHERE n.state = 'confirmed') AS shortest_lead_h
    FROM failure_notice n JOIN asset a ON a.id = n.asset_id
    WHERE n.given_at >= %(start)s AND n.given_at < %(end)s
      AND (%(asset_id)s::integer IS NULL OR n.asset_id = %(asset_id)s)
    GROUP BY a.model_id, n.component
), failed AS (
    SELECT a.model_id, k ->> 'name' AS component, count(*) AS failures,
           count(*) FILTER (WHERE EXISTS (SELECT FROM failure_notice n WHERE n.asset_id = a.id
                                          AND n.component = k ->> 'name' AND n.state = 'confirmed'
                                          AND n.failed_at >= i.start_at AND n.failed_at < i.end_at)) AS announced
    FROM asset a
    JOIN asset_model m ON m.id = a.model_id
    CROSS JOIN LATERAL jsonb_array_elements(m.prognosis -> 'components') AS k
    JOIN interval i ON i.asset_id = a.id AND i.category = 'FO' AND k -> 'causes' ? i.cause
    WHERE i.start_at >= %(start)s AND i.start_at < %(end)s AND (%(asset_id)s::integer IS NULL OR a.id = %(asset_id)s)
      AND NOT EXISTS (
          SELECT FROM interval b
          WHERE b.asset_id = i.asset_id AND b.start_at < i.start_at AND b.category IN ('FO', 'SM', 'PCA')
            AND k -> 'causes' ? b.cause
            AND b.start_at > coalesce((SELECT max(r.start_at) FROM interval r
                                       WHERE r.asset_id = i.asset_id AND r.start_at < i.start_at
                                         AND r.category IN ('FP', 'PP')), '-infinity'))
    GROUP BY a.model_id, k ->> 'name'
)
SELECT m.slug AS asset_model, component, coalesce(given, 0) AS given, coalesce(open, 0) AS open,
       coalesce(confirmed, 0) AS confirmed, coalesce(averted, 0) AS averted, coalesce(false_alarms, 0) AS false_alarms,
       lead_h, shortest_lead_h, coalesce(failures, 0) AS failures, coalesce(announced, 0) AS announced
FROM said FULL JOIN failed USING (model_id, component) JOIN asset_model m ON m.id = model_id
ORDER BY m.slug, component
