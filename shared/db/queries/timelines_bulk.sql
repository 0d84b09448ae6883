-- name: word_hashes
-- In the order of the texts.
SELECT hashtextextended(text, 0) AS hash FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS t (text, place) ORDER BY place;

-- name: meaning_hashes
-- As `stretches` gives them, in the order of the meanings.
SELECT hashtextextended(category, hashtextextended(cause, hashtextextended(party, 0))) AS hash
FROM unnest(%(categories)s::text[], %(causes)s::text[], %(parties)s::text[])
    WITH ORDINALITY AS t (category, cause, party, place)
ORDER BY place;

-- name: events
-- What speaks of each window, as `events` of the timeline's queries: states and intervals as bytes in network order, and
-- whether there is more to a line: a loss of the connection, or an announcement.
SELECT state.rows AS states, spoken.rows AS spoken,
       coalesce(state.is_announced, false) OR coalesce(spoken.is_announced, false)
       OR EXISTS (
           SELECT FROM asset_event e
           WHERE e.asset_id = w.asset_id AND e.kind = 'interval' AND e.code = '$offline' AND e.start_at < w.end_at
             AND e.start_at >= least(w.start_at, state.since_at, spoken.since_at))
       AS has_more
FROM unnest(%(assets)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    WITH ORDINALITY AS w (asset_id, start_at, end_at, line)
CROSS JOIN LATERAL (
    SELECT string_agg(int8send(e.id) || timestamptz_send(e.start_at) || int8send(e.seq)
                      || int8send(hashtextextended(e.code, 0)), ''::bytea) AS rows,
           bool_or(e.announced_at IS NOT NULL) AS is_announced, min(e.start_at) AS since_at
    FROM asset_event e
    WHERE e.asset_id = w.asset_id AND e.kind = 'state' AND e.start_at < w.end_at AND e.start_at >= coalesce(
        (SELECT max(start_at) FROM asset_event
         WHERE asset_id = w.asset_id AND kind = 'state' AND start_at <= w.start_at), w.start_at)
) AS state
CROSS JOIN LATERAL (
    SELECT string_agg(int8send(e.id) || timestamptz_send(e.start_at)
                      || timestamptz_send(coalesce(e.end_at, 'infinity')) || int8send(e.seq)
                      || int8send(hashtextextended(e.code, 0)), ''::bytea) AS rows,
           bool_or(e.announced_at IS NOT NULL) AS is_announced, min(e.start_at) AS since_at
    FROM asset_event e
    WHERE e.asset_id = w.asset_id AND e.kind = 'interval' AND e.start_at < w.end_at
      AND (e.end_at IS NULL OR (e.end_at > w.start_at AND e.end_at > e.start_at))
      AND e.code NOT IN ('$offline', '$silent')
) AS spoken
ORDER BY w.line;

-- name: stretches
-- The timeline of each window as bytes in network order: the whole intervals that overlap or touch it, in their order;
-- and whether one of them says more than its meaning and event.
SELECT part.rows, coalesce(part.has_more, false) AS has_more
FROM unnest(%(assets)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    WITH ORDINALITY AS w (asset_id, start_at, end_at, line)
CROSS JOIN LATERAL (
    SELECT string_agg(timestamptz_send(i.start_at) || timestamptz_send(i.end_at) || int8send(coalesce(i.event_id, -1))
                      || int8send(hashtextextended(i.category, hashtextextended(i.cause, hashtextextended(i.party, 0)))),
                      ''::bytea) AS rows,
           bool_or(i.reclassification_id IS NOT NULL OR i.announced_at IS NOT NULL OR i.event_id IS NULL) AS has_more
    FROM interval i
    WHERE i.asset_id = w.asset_id AND i.start_at <= w.end_at AND i.end_at >= w.start_at AND i.start_at >= coalesce(
        (SELECT max(start_at) FROM interval WHERE asset_id = w.asset_id AND start_at < w.start_at), w.start_at)
) AS part
ORDER BY w.line;

-- name: keys
-- What the timelines of assets mean, by the hash that `stretches` gives: from the cube, whose rows are fewer.
SELECT category, cause, party, hashtextextended(category, hashtextextended(cause, hashtextextended(party, 0))) AS hash
FROM asset_day WHERE asset_id = ANY (%(assets)s) GROUP BY category, cause, party;

-- name: delete_stretches
DELETE FROM interval i
USING unnest(%(assets)s::integer[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) AS d (asset_id, first_at, last_at)
WHERE i.asset_id = d.asset_id AND i.start_at >= d.first_at AND i.start_at <= d.last_at;

-- name: stage_stretches
-- PostgreSQL copies into no table with row security; into one that is nobody else's it does.
CREATE TEMP TABLE IF NOT EXISTS fresh_stretch (
    customer_id integer, asset_id integer, start_at timestamptz, end_at timestamptz, event_id bigint, meaning integer
) ON COMMIT DELETE ROWS;

-- name: empty_stretches
TRUNCATE fresh_stretch;

-- name: copy_stretches
COPY fresh_stretch FROM STDIN (FORMAT binary);

-- name: insert_stretches
INSERT INTO interval (customer_id, asset_id, start_at, end_at, category, cause, party, event_id)
SELECT f.customer_id, f.asset_id, f.start_at, f.end_at, m.category, m.cause, m.party, f.event_id
FROM fresh_stretch f
JOIN unnest(%(categories)s::text[], %(causes)s::text[], %(parties)s::text[])
    WITH ORDINALITY AS m (category, cause, party, place) ON m.place = f.meaning + 1;

-- name: delete_days
DELETE FROM asset_day c
USING unnest(%(assets)s::integer[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) AS d (asset_id, first_at, last_at)
WHERE c.asset_id = d.asset_id AND c.day >= d.first_at AND c.day <= d.last_at;

-- name: stage_days
CREATE TEMP TABLE IF NOT EXISTS fresh_day (
    customer_id integer, asset_id integer, day timestamptz, duration_us bigint, meaning integer
) ON COMMIT DELETE ROWS;

-- name: empty_days
TRUNCATE fresh_day;

-- name: copy_days
COPY fresh_day FROM STDIN (FORMAT binary);

-- name: insert_days
INSERT INTO asset_day (customer_id, asset_id, day, category, cause, party, duration_us)
SELECT f.customer_id, f.asset_id, f.day, m.category, m.cause, m.party, f.duration_us
FROM fresh_day f
JOIN unnest(%(categories)s::text[], %(causes)s::text[], %(parties)s::text[])
    WITH ORDINALITY AS m (category, cause, party, place) ON m.place = f.meaning + 1;
