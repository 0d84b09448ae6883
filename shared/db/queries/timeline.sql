-- name: subjects
SELECT a.id AS asset_id, a.customer_id, a.model_id, m.telemetry_hold_us, m.state_rules, m.trust, m.min_event_us,
       m.packml,
       vouch_readings_from() AS readings_from,
       (SELECT coalesce(jsonb_object_agg(s.name, s.id), '{}') FROM sensor s
        WHERE s.asset_id = a.id AND s.name IN (
            SELECT c ->> 'sensor' FROM jsonb_array_elements(m.state_rules) AS r, jsonb_array_elements(r -> 'when') AS c)
       ) AS series
FROM asset a
JOIN asset_model m ON m.id = a.model_id
WHERE a.id = ANY (%(assets)s)
ORDER BY a.id;

-- name: meanings
-- By code in the order of time; without valid_from what it meant from the beginning. As recorded until a time, if given.
SELECT model_id, code, nullif(valid_from, '-infinity') AS valid_from, category, cause, party
FROM code_version v
WHERE model_id = ANY (%(models)s) AND CASE WHEN %(as_of)s::timestamptz IS NULL THEN superseded_at IS NULL
    ELSE recorded_at <= %(as_of)s AND (superseded_at IS NULL OR superseded_at > %(as_of)s) END
ORDER BY model_id, code, v.valid_from;

-- name: standing
-- What is disputed, accepted or ruled in another sense than reported, by asset in the order it came to stand so.
SELECT r.asset_id, r.id, r.start_at, r.end_at, s.category, s.cause, s.party
FROM reclassification r
CROSS JOIN LATERAL (
    SELECT * FROM reclassification_step s
    WHERE s.reclassification_id = r.id AND (%(as_of)s::timestamptz IS NULL OR s.at <= %(as_of)s)
    ORDER BY s.id DESC LIMIT 1
) AS s
WHERE r.asset_id = ANY (%(assets)s) AND (s.status = 'disputed' OR s.category IS NOT NULL)
ORDER BY r.asset_id, s.id;

-- name: events
-- What speaks of [start, end): the states in it and the one before, the intervals that overlap it, and the losses of the
-- connection in it with the one before, by which a state or an interval that began earlier may have ended.
SELECT id, kind, code, text, start_at, end_at, seq, announced_at
FROM asset_event
WHERE asset_id = %(asset)s AND kind = 'state' AND start_at < %(end)s AND start_at >= coalesce(
    (SELECT max(start_at) FROM asset_event WHERE asset_id = %(asset)s AND kind = 'state' AND start_at <= %(start)s),
    %(start)s)
UNION ALL
SELECT id, kind, code, text, start_at, end_at, seq, announced_at
FROM asset_event
WHERE asset_id = %(asset)s AND kind = 'interval' AND start_at < %(end)s
  AND (end_at IS NULL OR (end_at > %(start)s AND end_at > start_at)) AND code NOT IN ('$offline', '$silent')
UNION ALL
SELECT id, kind, code, text, start_at, end_at, seq, announced_at
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
SELECT i.asset_id, i.start_at, i.end_at, i.category, i.cause, i.party, i.event_id, i.announced_at,
       i.reclassification_id, i.reported_category, i.reported_cause, i.reported_party
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
INSERT INTO interval (customer_id, asset_id, start_at, end_at, category, cause, party, event_id, announced_at,
                      reclassification_id, reported_category, reported_cause, reported_party)
SELECT %(customer)s, %(asset)s, timestamptz 'epoch' + start_us * interval '1 microsecond',
       timestamptz 'epoch' + end_us * interval '1 microsecond', category, cause, party, event_id,
       timestamptz 'epoch' + announced_us * interval '1 microsecond', reclassification_id, reported_category,
       reported_cause, reported_party
FROM unnest(%(start_us)s::bigint[], %(end_us)s::bigint[], %(category)s::text[], %(cause)s::text[], %(party)s::text[],
            %(event_id)s::bigint[], %(announced_us)s::bigint[], %(reclassification_id)s::bigint[],
            %(reported_category)s::text[], %(reported_cause)s::text[], %(reported_party)s::text[])
     AS t (start_us, end_us, category, cause, party, event_id, announced_us, reclassification_id, reported_category,
           reported_cause, reported_party);

-- name: delete_days
DELETE FROM asset_day WHERE asset_id = %(asset)s AND day >= %(start)s AND day < %(end)s;

-- name: insert_days
INSERT INTO asset_day (customer_id, asset_id, day, category, cause, party, duration_us)
SELECT %(customer)s, %(asset)s, timestamptz 'epoch' + day_us * interval '1 microsecond', category, cause, party,
       duration_us
FROM unnest(%(day_us)s::bigint[], %(category)s::text[], %(cause)s::text[], %(party)s::text[],
            %(duration_us)s::bigint[]) AS t (day_us, category, cause, party, duration_us);

-- name: durations
-- Whole days from the cube, the edges from the timeline.
WITH part AS (
    SELECT asset_id, category, cause, party, duration_us
    FROM asset_day
    WHERE asset_id = ANY (%(assets)s) AND day >= %(whole_start)s AND day < %(whole_end)s
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
