-- name: copy_readings
COPY reading (series_id, at, value, quality) FROM STDIN (FORMAT binary)

-- name: create_arriving
-- Emptied, too: there may have been another batch in the same transaction.
CREATE TEMP TABLE IF NOT EXISTS arriving_reading (
    place integer, series_id integer, at timestamptz, value double precision, quality smallint
) ON COMMIT DELETE ROWS;
DELETE FROM arriving_reading

-- name: copy_arriving
COPY arriving_reading (place, series_id, at, value, quality) FROM STDIN (FORMAT binary)

-- name: merge_arriving
-- The row that is there stays: the update changes nothing. It only makes the statement return what it met, so that
-- rows that were not written come out with whether their value differs.
WITH written AS (
    INSERT INTO reading AS r (series_id, at, value, quality)
    SELECT series_id, at, value, quality FROM arriving_reading ORDER BY series_id, at
    ON CONFLICT (series_id, at) DO UPDATE SET quality = r.quality WHERE r.value <> excluded.value
    RETURNING series_id, at, value
)
SELECT a.place, w.value IS NOT NULL
FROM arriving_reading a LEFT JOIN written w USING (series_id, at)
WHERE w.value IS NULL OR w.value <> a.value

-- name: lock_events
SELECT e.asset_id, e.kind, e.start_at, e.seq, e.code, e.end_at
FROM unnest(%(asset_id)s::integer[], %(kind)s::text[], %(start_at)s::timestamptz[], %(seq)s::bigint[],
            %(code)s::text[]) AS k (asset_id, kind, start_at, seq, code)
JOIN asset_event e USING (asset_id, kind, start_at, seq, code)
ORDER BY e.id
FOR UPDATE OF e

-- name: insert_event
INSERT INTO asset_event
    (customer_id, asset_id, kind, code, text, start_at, end_at, seq, received_at, topic, payload, announced_at)
VALUES (%(customer_id)s, %(asset_id)s, %(kind)s, %(code)s, %(text)s, %(start_at)s, %(end_at)s, %(seq)s,
        %(received_at)s, %(topic)s, %(payload)s, %(announced_at)s)

-- name: close_event
-- When it first came stays on record, and so does the announcement that was said first.
UPDATE asset_event
SET end_at = %(end_at)s, first_received_at = coalesce(first_received_at, received_at), end_received_at = %(received_at)s,
    received_at = %(received_at)s, topic = %(topic)s, payload = %(payload)s,
    announced_at = coalesce(announced_at, %(announced_at)s)
WHERE asset_id = %(asset_id)s AND kind = %(kind)s AND start_at = %(start_at)s AND seq = %(seq)s AND code = %(code)s

-- name: mark_dirty
COPY dirty_batch (marked_at, asset_id, start_at, end_at) FROM STDIN (FORMAT binary)

-- name: create_heard
CREATE TEMP TABLE IF NOT EXISTS heard (
    asset_id integer, customer_id integer, heard_at timestamptz, fact_at timestamptz
) ON COMMIT DELETE ROWS

-- name: copy_heard
COPY heard (asset_id, customer_id, heard_at, fact_at) FROM STDIN (FORMAT binary)

-- name: note_heard
INSERT INTO asset_status AS s (asset_id, customer_id, last_heard_at, last_fact_at, silent_due_at)
SELECT n.asset_id, n.customer_id, n.heard_at, nullif(n.fact_at, '-infinity'),
       n.heard_at + a.silent_after_s * interval '1 second' + %(slack_us)s * interval '1 us'
FROM heard n
JOIN asset a ON a.id = n.asset_id
ORDER BY n.asset_id
ON CONFLICT (asset_id) DO UPDATE SET
    last_heard_at = greatest(s.last_heard_at, excluded.last_heard_at),
    last_fact_at = greatest(s.last_fact_at, excluded.last_fact_at),
    silent_due_at = greatest(s.silent_due_at, excluded.silent_due_at),
    heard_again_at = CASE WHEN s.silent_due_at < excluded.last_heard_at THEN excluded.last_heard_at
                          ELSE s.heard_again_at END
