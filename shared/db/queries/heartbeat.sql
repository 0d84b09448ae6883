-- name: beat
-- Processes that share the messages hand the listening on: since when, and when the listening before it had ended.
WITH going_on AS (
    SELECT min(since_at) AS since_at, max(lost_at) AS lost_at FROM ingest_heartbeat WHERE beat_at >= %(gone)s
), before AS (
    SELECT max(beat_at) AS beat_at FROM ingest_heartbeat
)
INSERT INTO ingest_heartbeat AS h (client_id, since_at, beat_at, lost_at)
SELECT %(client_id)s, least(coalesce(g.since_at, %(now)s), %(now)s), %(now)s,
       CASE WHEN g.since_at IS NULL THEN b.beat_at ELSE g.lost_at END
FROM going_on g, before b
ON CONFLICT (client_id) DO UPDATE SET since_at = excluded.since_at,
    beat_at = greatest(h.beat_at, excluded.beat_at), lost_at = excluded.lost_at;
