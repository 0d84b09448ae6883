-- name: lock
SELECT pg_try_advisory_lock(%(lock)s)

-- name: position
SELECT row_count, refused_count, is_done FROM backfill_position
WHERE reading_sha256 = %(reading_sha256)s AND file = %(file)s AND file_sha256 = %(file_sha256)s

-- name: note_position
INSERT INTO backfill_position (reading_sha256, file, file_sha256, row_count, refused_count, is_done, noted_at)
VALUES (%(reading_sha256)s, %(file)s, %(file_sha256)s, %(row_count)s, %(refused_count)s, %(is_done)s, %(at)s)
ON CONFLICT (reading_sha256, file) DO UPDATE SET
    file_sha256 = excluded.file_sha256, row_count = excluded.row_count, refused_count = excluded.refused_count,
    is_done = excluded.is_done, noted_at = excluded.noted_at

-- name: note_facts
-- In the order of the ids, as ingest updates these rows. What is recorded is no sign of life.
INSERT INTO asset_status AS s (asset_id, customer_id, last_fact_at)
SELECT a.id, a.customer_id, n.fact_at
FROM unnest(%(asset_id)s::integer[], %(fact_at)s::timestamptz[]) AS n (asset_id, fact_at) JOIN asset a ON a.id = n.asset_id
ORDER BY a.id
ON CONFLICT (asset_id) DO UPDATE SET last_fact_at = greatest(s.last_fact_at, excluded.last_fact_at)

-- name: supersede_readings
-- The span keeps the planner to the chunks that are meant. What this very content of a file has corrected before stays:
-- it contradicts itself.
WITH corrected AS MATERIALIZED (
    SELECT n.place, n.series_id, n.at, n.value, n.quality, n.asset_id, r.value AS old_value
    FROM unnest(%(series_id)s::integer[], %(at)s::timestamptz[], %(value)s::double precision[],
                %(quality)s::smallint[], %(asset_id)s::integer[]) WITH ORDINALITY
         AS n (series_id, at, value, quality, asset_id, place)
    JOIN reading r ON r.series_id = n.series_id AND r.at = n.at
    WHERE r.at >= %(start)s AND r.at <= %(end)s AND r.value <> n.value
      AND NOT EXISTS (SELECT FROM reading_superseded s
                      WHERE s.series_id = n.series_id AND s.at = n.at AND s.source_sha256 = %(sha256)s)
), written AS (
    UPDATE reading r SET value = c.value, quality = c.quality
    FROM corrected c
    WHERE r.series_id = c.series_id AND r.at = c.at AND r.at >= %(start)s AND r.at <= %(end)s
), noted AS (
    INSERT INTO reading_superseded
        (customer_id, asset_id, series_id, at, old_value, new_value, superseded_at, reason, source, source_sha256)
    SELECT a.customer_id, a.id, c.series_id, c.at, c.old_value, c.value, %(now)s, %(reason)s, %(source)s, %(sha256)s
    FROM corrected c JOIN asset a ON a.id = c.asset_id
    ORDER BY c.place
)
SELECT place - 1 FROM corrected

-- name: supersede_event
-- The end of the event and the message that says so; who reported it first is in the row of the correction.
WITH held AS MATERIALIZED (
    SELECT e.id, e.customer_id, e.asset_id, e.end_at AS old_end FROM asset_event e
    WHERE e.asset_id = %(asset_id)s AND e.kind = %(kind)s AND e.start_at = %(start_at)s AND e.seq = %(seq)s
      AND e.code = %(code)s AND e.end_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM event_superseded s WHERE s.event_id = e.id AND s.source_sha256 = %(sha256)s)
    FOR UPDATE
), written AS (
    UPDATE asset_event e
    SET end_at = %(end_at)s, first_received_at = coalesce(e.first_received_at, e.received_at),
        end_received_at = coalesce(e.end_received_at, e.received_at), received_at = %(now)s, topic = %(topic)s,
        payload = %(payload)s
    FROM held WHERE e.id = held.id
), noted AS (
    INSERT INTO event_superseded
        (customer_id, asset_id, event_id, old_end, new_end, superseded_at, reason, source, source_sha256)
    SELECT customer_id, asset_id, id, old_end, %(end_at)s, %(now)s, %(reason)s, %(source)s, %(sha256)s FROM held
)
SELECT old_end FROM held

-- name: mark_dirty
INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
SELECT asset_id, start_at, end_at, %(marked_at)s
FROM unnest(%(asset_id)s::integer[], %(start_at)s::timestamptz[], %(end_at)s::timestamptz[])
     AS n (asset_id, start_at, end_at)
