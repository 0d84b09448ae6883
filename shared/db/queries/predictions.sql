-- name: due
-- Machines with a grid instant by which their timeline is known, and nothing of the time before it waits to be derived:
-- what is foretold is frozen. From the first grid instant after the last one that has a prediction of each component
-- (`made_to`), or after the timeline begins.
WITH waiting AS (
    SELECT d.asset_id, min(d.start_at) AS start_at FROM (
        SELECT asset_id, start_at FROM dirty_window
        UNION ALL
        SELECT n.asset_id, n.start_at FROM dirty_batch b CROSS JOIN LATERAL unnest(b.asset_id, b.start_at)
            AS n (asset_id, start_at)
    ) AS d GROUP BY d.asset_id
), known AS (
    SELECT a.id, a.customer_id, a.healthy_from, a.healthy_to, (m.prognosis ->> 'every_us')::bigint AS every_us,
           (SELECT start_at FROM interval WHERE asset_id = a.id ORDER BY start_at LIMIT 1) AS first_at,
           (SELECT CASE WHEN bool_and(c.at IS NOT NULL) THEN min(c.at) END FROM (
                SELECT (SELECT p.at FROM prediction p WHERE p.asset_id = a.id AND p.component = k ->> 'name'
                        ORDER BY p.at DESC LIMIT 1) AS at
                FROM jsonb_array_elements(m.prognosis -> 'components') AS k) AS c) AS made_to,
           least((SELECT end_at FROM interval WHERE asset_id = a.id ORDER BY start_at DESC LIMIT 1), %(now)s,
                 (SELECT w.start_at FROM waiting w WHERE w.asset_id = a.id)) AS known_to
    FROM asset a JOIN asset_model m ON m.id = a.model_id
    WHERE m.prognosis IS NOT NULL AND a.model_id = %(asset_model_id)s AND a.id <> ALL (%(without)s::integer[])
)
SELECT k.*, (SELECT coalesce(jsonb_object_agg(s.name, s.id), '{}') FROM sensor s WHERE s.asset_id = k.id) AS series
FROM known k
WHERE k.first_at IS NOT NULL AND k.known_to >= date_bin(k.every_us * interval '1 microsecond',
    coalesce(k.made_to, k.first_at), 'epoch') + k.every_us * interval '1 microsecond'
ORDER BY k.made_to NULLS FIRST, k.id
LIMIT %(limit)s;

-- name: hold
-- One worker foretells a machine at a time; the others pass it over.
SELECT id FROM unnest(%(assets)s::integer[]) AS a (id) WHERE pg_try_advisory_xact_lock(%(lock)s, id);

-- name: reached
-- Up to when components have predictions.
SELECT a.id AS asset_id, n.name AS component, p.at
FROM asset a
JOIN asset_model m ON m.id = a.model_id
CROSS JOIN LATERAL (SELECT DISTINCT k ->> 'name' AS name FROM jsonb_array_elements(m.prognosis -> 'components') AS k) AS n
CROSS JOIN LATERAL (
    SELECT at FROM prediction WHERE asset_id = a.id AND component = n.name ORDER BY at DESC LIMIT 1
) AS p
WHERE a.id = ANY (%(assets)s);

-- name: fleet
-- All machines of a model, with what can be learnt of them by now.
SELECT a.id, a.customer_id, a.healthy_from, a.healthy_to,
       (SELECT start_at FROM interval WHERE asset_id = a.id ORDER BY start_at LIMIT 1) AS first_at,
       least((SELECT end_at FROM interval WHERE asset_id = a.id ORDER BY start_at DESC LIMIT 1), %(now)s) AS known_to,
       (SELECT coalesce(jsonb_object_agg(s.name, s.id), '{}') FROM sensor s WHERE s.asset_id = a.id) AS series
FROM asset a
WHERE a.model_id = %(asset_model_id)s AND EXISTS (SELECT FROM interval WHERE asset_id = a.id AND start_at < %(now)s)
ORDER BY a.id;

-- name: hours
-- Hours and their means, weighted by time, as the bytes of int8 (microseconds since 2000) and float8 in network order.
SELECT series_id, string_agg(timestamptz_send(at), ''::bytea) AS at,
       string_agg(float8send(weighted_mean), ''::bytea) AS value
FROM reading_hour
WHERE series_id = ANY (%(series)s) AND at >= %(start)s AND at < %(end)s AND weighted_mean IS NOT NULL
GROUP BY series_id;

-- name: events
-- What machines reported, by code, but for states in which they were well.
SELECT e.asset_id, e.code, e.start_at
FROM asset_event e
JOIN asset a ON a.id = e.asset_id
LEFT JOIN code_map k ON k.model_id = a.model_id AND k.code = e.code
WHERE e.asset_id = ANY (%(assets)s) AND e.start_at < %(end)s AND e.code NOT LIKE '$%%'
  AND (e.kind = 'interval' OR coalesce(k.category NOT IN ('FP', 'PP', 'TS', 'IU'), true))
ORDER BY e.asset_id, e.start_at, e.seq, e.code;

-- name: failures
-- How often each machine of a model stopped for one of these causes.
SELECT a.id, count(i.start_at) AS failures
FROM asset a
LEFT JOIN interval i ON i.asset_id = a.id AND i.category = 'FO' AND i.cause = ANY (%(causes)s) AND i.start_at < %(now)s
WHERE a.model_id = %(asset_model_id)s
GROUP BY a.id ORDER BY failures DESC, a.id;

-- name: insert
-- What is stored stays.
INSERT INTO prediction (customer_id, asset_id, component, at, made_at, method, model_version_id, model_name, p10_h, p50_h,
                        p90_h, p_24h, p_7d, p_30d, health, latest_at, reason, evidence)
SELECT a.customer_id, n.*
FROM unnest(%(asset_id)s::integer[], %(component)s::text[], %(at)s::timestamptz[], %(made_at)s::timestamptz[],
            %(method)s::text[], %(model_version_id)s::integer[], %(model_name)s::text[], %(p10_h)s::float8[],
            %(p50_h)s::float8[], %(p90_h)s::float8[], %(p_24h)s::float8[], %(p_7d)s::float8[], %(p_30d)s::float8[],
            %(health)s::float8[], %(latest_at)s::timestamptz[], %(reason)s::text[], %(evidence)s::jsonb[])
     AS n (asset_id, component, at, made_at, method, model_version_id, model_name, p10_h, p50_h, p90_h, p_24h, p_7d,
           p_30d, health, latest_at, reason, evidence)
JOIN asset a ON a.id = n.asset_id
ON CONFLICT (asset_id, component, at) DO NOTHING;
