-- name: subjects
SELECT a.id AS asset_id, a.customer_id, a.model_id, m.telemetry_hold_us, m.state_rules,
       (SELECT dropped_before FROM retention WHERE what = 'readings') AS readings_from,
       (SELECT coalesce(jsonb_object_agg(s.name, s.id), '{}') FROM sensor s
        WHERE s.asset_id = a.id AND s.name IN (
            SELECT c ->> 'sensor' FROM jsonb_array_elements(m.state_rules) AS r, jsonb_array_elements(r -> 'when') AS c)
       ) AS series
FROM asset a
JOIN asset_model m ON m.id = a.model_id
WHERE a.id = ANY (%(assets)s)
ORDER BY a.id;

-- name: meanings
SELECT model_id, code, category, cause, party FROM code_map WHERE model_id = ANY (%(models)s);

-- name: events
-- What speaks of [start, end): the states in it and the one before, the intervals that overlap it, and the losses of the
-- connection in it with the one before, by which a state or an interval that began earlier may have ended.
SELECT id, kind, code, text, start_at, end_at, seq
FROM asset_event
WHERE asset_id = %(asset)s AND kind = 'state' AND start_at < %(end)s AND start_at >= coalesce(
    (SELECT max(start_at) FROM asset_event WHERE asset_id = %(asset)s AND kind = 'state' AND start_at <= %(start)s),
    %(start)s)
UNION ALL
SELECT id, kind, code, text, start_at, end_at, seq
FROM asset_event
WHERE asset_id = %(asset)s AND kind = 'interval' AND start_at < %(end)s
  AND (end_at IS NULL OR (end_at > %(start)s AND end_at > start_at)) AND code NOT IN ('$offline', '$silent')
UNION ALL
SELECT id, kind, code, text, start_at, end_at, seq
FROM asset_event
WHERE asset_id = %(asset)s AND kind = 'interval' AND code = '$offline' AND start_at < %(end)s AND start_at >= coalesce(
    (SELECT max(start_at) FROM asset_event
     WHERE asset_id = %(asset)s AND kind = 'interval' AND code = '$offline' AND start_at <= %(start)s), %(start)s);

-- name: readings
-- A series' instants and values as the bytes of int8 (microseconds since 2000) and float8 in network order: one row
-- a series instead of one a reading.
SELECT series_id, string_agg(timestamptz_send(at), ''::bytea) AS at, string_agg(float8send(value), ''::bytea) AS value
FROM reading
WHERE series_id = ANY (%(series)s) AND at >= %(start)s AND at < %(end)s
GROUP BY series_id;

-- name: overlapping
SELECT i.asset_id, i.start_at, i.end_at, i.category, i.cause, i.party, i.event_id
FROM unnest(%(assets)s::integer[]) AS a (id)
CROSS JOIN LATERAL (
    SELECT * FROM interval
    WHERE asset_id = a.id AND start_at < %(end)s AND end_at > %(start)s AND start_at >= coalesce(
        (SELECT max(start_at) FROM interval WHERE asset_id = a.id AND start_at <= %(start)s), %(start)s)
) AS i
ORDER BY i.asset_id, i.start_at;

-- name: delete_intervals
DELETE FROM interval WHERE asset_id = %(asset)s AND start_at >= %(first)s AND start_at <= %(last)s;

-- name: insert_intervals
INSERT INTO interval (customer_id, asset_id, start_at, end_at, category, cause, party, event_id)
SELECT %(customer)s, %(asset)s, timestamptz 'epoch' + start_us * interval '1 microsecond',
       timestamptz 'epoch' + end_us * interval '1 microsecond', category, cause, party, event_id
FROM unnest(%(start_us)s::bigint[], %(end_us)s::bigint[], %(category)s::text[], %(cause)s::text[], %(party)s::text[],
            %(event_id)s::bigint[]) AS t (start_us, end_us, category, cause, party, event_id);

-- name: delete_hours
DELETE FROM asset_hour WHERE asset_id = %(asset)s AND hour >= %(start)s AND hour < %(end)s;

-- name: insert_hours
INSERT INTO asset_hour (customer_id, asset_id, hour, category, cause, party, duration_us)
SELECT %(customer)s, %(asset)s, timestamptz 'epoch' + hour_us * interval '1 microsecond', category, cause, party,
       duration_us
FROM unnest(%(hour_us)s::bigint[], %(category)s::text[], %(cause)s::text[], %(party)s::text[],
            %(duration_us)s::bigint[]) AS t (hour_us, category, cause, party, duration_us);

-- name: durations
-- Whole hours from the cube, the edges from the timeline.
WITH part AS (
    SELECT asset_id, category, cause, party, duration_us
    FROM asset_hour
    WHERE asset_id = ANY (%(assets)s) AND hour >= %(whole_start)s AND hour < %(whole_end)s
    UNION ALL
    SELECT i.asset_id, i.category, i.cause, i.party,
           (extract(epoch FROM least(i.end_at, e.end_at) - greatest(i.start_at, e.start_at)) * 1000000)::bigint
    FROM unnest(%(assets)s::integer[]) AS a (id)
    CROSS JOIN unnest(%(edge_starts)s::timestamptz[], %(edge_ends)s::timestamptz[]) AS e (start_at, end_at)
    CROSS JOIN LATERAL (
        SELECT * FROM interval
        WHERE asset_id = a.id AND start_at < e.end_at AND end_at > e.start_at AND start_at >= coalesce(
            (SELECT max(start_at) FROM interval WHERE asset_id = a.id AND start_at <= e.start_at), e.start_at)
    ) AS i
)
SELECT asset_id, category, cause, party, sum(duration_us)::bigint AS duration_us
FROM part
GROUP BY asset_id, category, cause, party;
