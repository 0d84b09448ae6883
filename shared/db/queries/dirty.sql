-- name: hold_horizon
SELECT pg_advisory_xact_lock_shared(%(lock)s);

-- name: spread
-- Batches of ingest, as windows of each asset. What touches the same hour becomes one window. Who comes while another
-- worker spreads waits for it, and so sees its windows.
WITH arrived AS (
    DELETE FROM dirty_batch WHERE id IN (SELECT id FROM dirty_batch ORDER BY id LIMIT 1000 FOR UPDATE)
    RETURNING marked_at, asset_id, start_at, end_at
), spread AS (
    INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
    SELECT m.asset_id, min(m.start_at), max(m.end_at), min(b.marked_at)
    FROM arrived b, unnest(b.asset_id, b.start_at, b.end_at) AS m (asset_id, start_at, end_at)
    GROUP BY m.asset_id, date_trunc('hour', m.start_at)
    ORDER BY m.asset_id
)
SELECT count(*) = 1000 AS may_be_more FROM arrived;

-- name: claim
-- Assets with work before `now`, the longest waiting first, each locked whole until the transaction ends: so many with
-- sensors, which are worked off one by one, and so many that are told by events alone. Work is a
-- dirty window, or an open interval or last state that still holds and was carried less far than `now`; a state that
-- means IU says nothing and is not carried, nor is what began before the connection was lost.
WITH holding AS (
    SELECT s.asset_id, s.carried_to, e.code, e.start_at
    FROM asset_status s
    JOIN asset_event e ON e.asset_id = s.asset_id AND e.kind = 'interval' AND e.end_at IS NULL
    WHERE s.carried_to < %(now)s AND e.code NOT IN ('$offline', '$silent')
    UNION ALL
    SELECT s.asset_id, s.carried_to, last.code, last.start_at
    FROM asset_status s
    CROSS JOIN LATERAL (
        SELECT e.code, e.start_at FROM asset_event e WHERE e.asset_id = s.asset_id AND e.kind = 'state'
        ORDER BY e.start_at DESC, e.seq DESC, e.code DESC LIMIT 1
    ) AS last
    WHERE s.carried_to < %(now)s
), work AS (
    SELECT h.asset_id, h.carried_to AS since, true AS holds
    FROM holding h
    JOIN asset a ON a.id = h.asset_id
    LEFT JOIN code_map k ON k.model_id = a.model_id AND k.code = h.code
    WHERE k.category IS DISTINCT FROM 'IU' AND NOT EXISTS (
        SELECT FROM asset_event l
        WHERE l.asset_id = h.asset_id AND l.kind = 'interval' AND l.code = '$offline' AND l.start_at > h.start_at
          AND l.start_at <= h.carried_to)
    UNION ALL
    SELECT asset_id, min(marked_at), false FROM dirty_window WHERE start_at < %(now)s GROUP BY asset_id
), due AS MATERIALIZED (
    SELECT w.asset_id, bool_or(w.holds) AS holds, EXISTS (SELECT FROM sensor n WHERE n.asset_id = w.asset_id) AS has_sensors
    FROM work w GROUP BY w.asset_id ORDER BY min(w.since), w.asset_id
), held AS (
    (SELECT d.* FROM due d
     WHERE CASE WHEN d.has_sensors THEN pg_try_advisory_xact_lock(%(lock)s, d.asset_id) END LIMIT %(sensing)s)
    UNION ALL
    (SELECT d.* FROM due d
     WHERE CASE WHEN NOT d.has_sensors THEN pg_try_advisory_xact_lock(%(lock)s, d.asset_id) END LIMIT %(telling)s)
)
SELECT h.*, (SELECT s.carried_to FROM asset_status s WHERE s.asset_id = h.asset_id) AS carried_to FROM held h;

-- name: take
DELETE FROM dirty_window WHERE asset_id = ANY (%(assets)s) AND start_at < %(now)s
RETURNING asset_id, start_at, end_at;

-- name: reach
-- How far each window of an asset reaches: a state to the next one (the last to until_at; one that means IU only as far as
-- there is something to remove), an open interval to until_at, an interval that was closed as far as it had been carried.
-- By a loss of the connection anything may end that went on to until_at.
SELECT w.asset_id, w.start_at, greatest(w.end_at, state.until_at, open.until_at, closed.until_at) AS end_at
FROM unnest(%(assets)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
            %(untils)s::timestamptz[]) AS w (asset_id, start_at, end_at, until_at)
CROSS JOIN LATERAL (
    SELECT (
        SELECT coalesce(
            (SELECT min(n.start_at) FROM asset_event n
             WHERE n.asset_id = w.asset_id AND n.kind = 'state' AND n.start_at >= w.end_at),
            CASE WHEN k.category = 'IU'
                THEN (SELECT max(i.end_at) FROM interval i WHERE i.asset_id = w.asset_id AND i.start_at >= (
                    SELECT max(start_at) FROM interval WHERE asset_id = w.asset_id))
                ELSE w.until_at END)
        FROM asset_event e
        JOIN asset a ON a.id = e.asset_id
        LEFT JOIN code_map k ON k.model_id = a.model_id AND k.code = e.code
        WHERE e.asset_id = w.asset_id AND e.kind = 'state' AND e.start_at >= w.start_at AND e.start_at < w.end_at
        ORDER BY e.start_at DESC, e.seq DESC, e.code DESC LIMIT 1
    ) AS until_at
) AS state
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) > 0 THEN w.until_at END AS until_at FROM asset_event e
    WHERE e.asset_id = w.asset_id AND e.kind = 'interval' AND e.code <> '$silent'
      AND (e.end_at IS NULL OR e.code = '$offline') AND e.start_at >= w.start_at AND e.start_at < w.end_at
) AS open
CROSS JOIN LATERAL (
    SELECT max(i.end_at) AS until_at
    FROM asset_event e
    JOIN interval i ON i.event_id = e.id AND i.end_at > e.end_at
    WHERE e.asset_id = w.asset_id AND e.kind = 'interval' AND e.end_at >= w.start_at AND e.end_at <= w.end_at
      AND i.asset_id = w.asset_id AND i.end_at > w.end_at AND i.start_at >= (
          SELECT max(start_at) FROM interval WHERE asset_id = w.asset_id AND start_at <= w.end_at)
) AS closed;

-- name: count
SELECT (SELECT count(*) FROM dirty_window WHERE start_at < %(now)s) + (SELECT count(*) FROM dirty_batch) AS waiting;

-- name: mark
INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
SELECT asset_id, start_at, end_at, %(now)s
FROM unnest(%(assets)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS r (asset_id, start_at, end_at);

-- name: carried
-- In the order of the ids, as ingest updates these rows, so that the two cannot wait for each other.
INSERT INTO asset_status (asset_id, customer_id, carried_to)
SELECT id, customer_id, %(now)s FROM asset WHERE id = ANY (%(assets)s) ORDER BY id
ON CONFLICT (asset_id) DO UPDATE SET carried_to = greatest(asset_status.carried_to, excluded.carried_to);
