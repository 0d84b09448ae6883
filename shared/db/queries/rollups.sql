-- name: subjects
SELECT a.id AS asset_id, m.telemetry_hold_us AS hold_us,
       ARRAY(SELECT s.id FROM sensor s WHERE s.asset_id = a.id ORDER BY s.id) AS series,
       (SELECT dropped_before FROM retention WHERE what = 'readings') AS readings_from,
       (SELECT dropped_before FROM retention WHERE what = 'minutes') AS minutes_from,
       (SELECT dropped_before FROM retention WHERE what = 'hours') AS hours_from
FROM asset a JOIN asset_model m ON m.id = a.model_id
WHERE a.id = ANY (%(assets)s);

-- name: readings
-- By series the readings of [start, end) and the last one in [reach, start), as the bytes of int8 (microseconds since
-- 2000) and float8 in network order: one row a series instead of one a reading.
SELECT s.id AS series_id, part.at, part.value
FROM unnest(%(series)s::integer[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT string_agg(timestamptz_send(r.at), ''::bytea) AS at, string_agg(float8send(r.value), ''::bytea) AS value
    FROM (
        (SELECT n.at, n.value FROM reading n
         WHERE n.series_id = s.id AND n.at >= %(reach)s AND n.at < %(start)s ORDER BY n.at DESC LIMIT 1)
        UNION ALL
        (SELECT n.at, n.value FROM reading n WHERE n.series_id = s.id AND n.at >= %(start)s AND n.at < %(end)s)
    ) AS r
) AS part
WHERE part.at IS NOT NULL;

-- name: minute_rows
-- As `readings`: whole rows as bytes, in the order of shared.rollup.ROW without the series.
SELECT s.id AS series_id, part.rows
FROM unnest(%(series)s::integer[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT string_agg(timestamptz_send(r.at) || int4send(r.count) || float8send(r.low) || float8send(r.high)
        || float8send(r.mean) || float8send(r.last) || timestamptz_send(r.last_at) || float8send(r.weighted_mean)
        || int8send(r.known_us), ''::bytea) AS rows
    FROM (
        (SELECT n.* FROM reading_minute n
         WHERE n.series_id = s.id AND n.at >= %(reach)s AND n.at < %(start)s ORDER BY n.at DESC LIMIT 1)
        UNION ALL
        (SELECT n.* FROM reading_minute n WHERE n.series_id = s.id AND n.at >= %(start)s AND n.at < %(end)s)
    ) AS r
) AS part
WHERE part.rows IS NOT NULL;

-- name: hour_rows
SELECT s.id AS series_id, part.rows
FROM unnest(%(series)s::integer[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT string_agg(timestamptz_send(r.at) || int4send(r.count) || float8send(r.low) || float8send(r.high)
        || float8send(r.mean) || float8send(r.last) || timestamptz_send(r.last_at) || float8send(r.weighted_mean)
        || int8send(r.known_us), ''::bytea) AS rows
    FROM reading_hour r WHERE r.series_id = s.id AND r.at >= %(start)s AND r.at < %(end)s
) AS part
WHERE part.rows IS NOT NULL;

-- name: delete_minute_rows
DELETE FROM reading_minute m USING unnest(%(series)s::integer[], %(at)s::timestamptz[]) AS d (series_id, at)
WHERE m.series_id = d.series_id AND m.at = d.at AND m.at >= %(start)s AND m.at < %(end)s;

-- name: delete_hour_rows
DELETE FROM reading_hour h USING unnest(%(series)s::integer[], %(at)s::timestamptz[]) AS d (series_id, at)
WHERE h.series_id = d.series_id AND h.at = d.at AND h.at >= %(start)s AND h.at < %(end)s;

-- name: copy_minute_rows
COPY reading_minute (series_id, at, count, low, high, mean, last, last_at, weighted_mean, known_us)
FROM STDIN (FORMAT binary);

-- name: copy_hour_rows
COPY reading_hour (series_id, at, count, low, high, mean, last, last_at, weighted_mean, known_us)
FROM STDIN (FORMAT binary);
