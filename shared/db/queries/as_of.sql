-- Events as they were on record at a time: which had come, and with the end that was known then.

-- name: events
-- As timeline.events, of what had come by then. An end that came later, or was corrected later, is as it was before.
SELECT e.id, e.kind, e.code, e.text, e.start_at, e.seq, e.announced_at,
       CASE WHEN coalesce(e.end_received_at, e.received_at) > %(as_of)s THEN NULL
            ELSE coalesce((SELECT s.old_end FROM event_superseded s
                           WHERE s.event_id = e.id AND s.superseded_at > %(as_of)s
                           ORDER BY s.superseded_at, s.id LIMIT 1), e.end_at) END AS end_at
FROM asset_event e
WHERE e.asset_id = %(asset)s AND e.start_at < %(end)s AND coalesce(e.first_received_at, e.received_at) <= %(as_of)s
  AND CASE
    WHEN e.kind = 'state' THEN e.start_at >= coalesce(
        (SELECT max(b.start_at) FROM asset_event b
         WHERE b.asset_id = %(asset)s AND b.kind = 'state' AND b.start_at <= %(start)s
           AND coalesce(b.first_received_at, b.received_at) <= %(as_of)s), %(start)s)
    WHEN e.code = '$offline' THEN e.start_at >= coalesce(
        (SELECT max(b.start_at) FROM asset_event b
         WHERE b.asset_id = %(asset)s AND b.kind = 'interval' AND b.code = '$offline' AND b.start_at <= %(start)s
           AND b.received_at <= %(as_of)s), %(start)s)
    ELSE e.code <> '$silent' END;

-- name: readings
SELECT series_id, at, value FROM vouch_readings_known(%(series)s, %(start)s, %(end)s, %(as_of)s);
