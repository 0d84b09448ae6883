-- name: lock
SELECT pg_advisory_xact_lock(%(lock)s);

-- name: known
SELECT a.id, c.state, c.stated_at, c.online_at,
       (SELECT e.start_at FROM asset_event e
        WHERE e.asset_id = a.id AND e.kind = 'interval' AND e.code = '$offline' AND e.end_at IS NULL
        ORDER BY e.start_at DESC LIMIT 1),
       s.last_fact_at, s.last_heard_at, listening.lost_at,
       ARRAY(SELECT e.payload FROM asset_event e
             WHERE e.asset_id = a.id AND e.kind = 'interval' AND e.code = '$offline' AND e.received_at >= %(since)s)
FROM unnest(%(assets)s::integer[]) AS a (id)
LEFT JOIN asset_connection c ON c.asset_id = a.id
LEFT JOIN asset_status s ON s.asset_id = a.id
CROSS JOIN (
    -- When the listening before the present one ended.
    SELECT CASE WHEN max(beat_at) < %(gone)s THEN max(beat_at) ELSE max(lost_at) END AS lost_at FROM ingest_heartbeat
) AS listening;

-- name: save
INSERT INTO asset_connection (asset_id, customer_id, state, stated_at, online_at, received_at)
VALUES (%(asset)s, %(customer)s, %(state)s, %(stated_at)s, %(online_at)s, %(received_at)s)
ON CONFLICT (asset_id) DO UPDATE SET state = excluded.state, stated_at = excluded.stated_at,
    online_at = excluded.online_at, received_at = excluded.received_at;

-- name: begin
INSERT INTO asset_event (customer_id, asset_id, kind, code, start_at, end_at, seq, received_at, topic, payload)
VALUES (%(customer)s, %(asset)s, 'interval', %(code)s, %(start_at)s, %(end_at)s, %(seq)s, %(received_at)s, %(topic)s,
        %(payload)s);

-- name: end
-- What opened it, and when that came, stays on record.
UPDATE asset_event SET start_at = %(start_at)s, end_at = %(end_at)s
WHERE asset_id = %(asset)s AND kind = 'interval' AND code = '$offline' AND start_at = %(stored_at)s AND end_at IS NULL;

-- name: mark_dirty
-- Whole minutes, as they are marked everywhere.
INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
VALUES (%(asset)s, date_trunc('minute', %(start_at)s::timestamptz),
        date_trunc('minute', %(end_at)s::timestamptz) + interval '1 minute', %(marked_at)s);
