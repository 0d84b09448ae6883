-- name: listed
-- The latest first.
SELECT n.id, n.asset_id, c.slug || '/' || si.slug || '/' || a.slug AS asset, n.component, n.given_at, n.said_at AS made_at,
       n.prediction_id, n.expected_at, n.latest_at, n.window_end, n.state, n.decided_at, n.failed_at,
       (extract(epoch FROM n.failed_at - n.given_at) / 3600)::float8 AS lead_h, n.reason
FROM failure_notice n
JOIN asset a ON a.id = n.asset_id
JOIN site si ON si.id = a.site_id
JOIN customer c ON c.id = a.customer_id
WHERE (%(asset_id)s::integer IS NULL OR n.asset_id = %(asset_id)s)
  AND (%(state)s::text IS NULL OR n.state = %(state)s) AND n.id < %(before)s
ORDER BY n.id DESC LIMIT %(limit)s;

-- name: open
-- Machines of a model with notices that are not decided, and by when their timeline is known and nothing of the time
-- before it waits to be derived: a decision is final.
WITH waiting AS (
    SELECT d.asset_id, min(d.start_at) AS start_at FROM (
        SELECT asset_id, start_at FROM dirty_window
        UNION ALL
        SELECT n.asset_id, n.start_at FROM dirty_batch b CROSS JOIN LATERAL unnest(b.asset_id, b.start_at)
            AS n (asset_id, start_at)
    ) AS d GROUP BY d.asset_id
)
SELECT a.id, min(n.given_at) AS first_at,
       least((SELECT end_at FROM interval WHERE asset_id = a.id ORDER BY start_at DESC LIMIT 1),
             (SELECT w.start_at FROM waiting w WHERE w.asset_id = a.id)) AS known_to
FROM failure_notice n JOIN asset a ON a.id = n.asset_id
WHERE n.state = 'open' AND a.model_id = %(asset_model_id)s
GROUP BY a.id ORDER BY a.id;

-- name: standing
-- Of each component the last notice.
SELECT DISTINCT ON (n.asset_id, n.component) n.asset_id, n.component, n.given_at, n.window_end, n.state, n.decided_at,
       n.failed_at, n.reason
FROM failure_notice n WHERE n.asset_id = ANY (%(assets)s)
ORDER BY n.asset_id, n.component, n.given_at DESC;

-- name: said
-- What was said of components since an instant.
SELECT p.asset_id, p.component, p.at, p.method, p.p10_h, p.p50_h, p.p90_h, p.p_24h, p.p_7d, p.p_30d,
       coalesce(p.evidence -> 'methods', '[]') AS methods
FROM unnest(%(assets)s::integer[], %(components)s::text[], %(since)s::timestamptz[]) AS n (asset_id, component, since)
JOIN prediction p ON p.asset_id = n.asset_id AND p.component = n.component AND p.at >= n.since
ORDER BY p.asset_id, p.component, p.at;

-- name: give
-- Once, until it is decided, and only of a prediction that is made at that moment: of an older one it would be dated back.
INSERT INTO failure_notice (customer_id, asset_id, component, given_at, said_at, prediction_id, expected_at, latest_at,
                            window_end, state, reason)
SELECT p.customer_id, p.asset_id, p.component, p.at, %(said_at)s, p.id,
       p.at + p.p50_h * interval '1 hour', p.latest_at, %(window_end)s, 'open', %(reason)s
FROM prediction p
WHERE p.asset_id = %(asset_id)s AND p.component = %(component)s AND p.at = %(given_at)s
  AND p.made_at = %(said_at)s
ON CONFLICT DO NOTHING
RETURNING id, asset_id, given_at;

-- name: decide
UPDATE failure_notice SET state = %(state)s, decided_at = %(decided_at)s, failed_at = %(failed_at)s, reason = %(reason)s
WHERE asset_id = %(asset_id)s AND component = %(component)s AND given_at = %(given_at)s AND state = 'open'
RETURNING id, asset_id, given_at;

-- name: record
-- What became of the notices of a model's machines that were decided within a year.
SELECT n.decided_at, n.state FROM failure_notice n JOIN asset a ON a.id = n.asset_id
WHERE a.model_id = %(asset_model_id)s AND n.state <> 'open' AND n.decided_at >= %(start)s
ORDER BY n.decided_at, n.id;

-- name: told
-- Notices that were said before it was decided what became of them, with when that was: what contracts count.
SELECT n.asset_id, n.said_at AS told_at, n.state, n.decided_at, n.failed_at
FROM failure_notice n
WHERE n.asset_id = ANY (%(assets)s) AND n.decided_at >= %(start)s AND n.decided_at < %(end)s
  AND n.state IN ('confirmed', 'false') AND n.said_at < n.decided_at
ORDER BY n.asset_id, n.given_at;

-- name: telling
-- The machines of which notices are given.
SELECT a.id FROM asset a JOIN asset_model m ON m.id = a.model_id
WHERE a.id = ANY (%(assets)s) AND m.prognosis -> 'notice' <> 'null';

-- name: mark
-- What is judged by these instants is due.
INSERT INTO fact_mark (asset_id, start_at, end_at)
SELECT asset_id, at, at + interval '1 us' FROM unnest(%(assets)s::integer[], %(ats)s::timestamptz[]) AS n (asset_id, at);
