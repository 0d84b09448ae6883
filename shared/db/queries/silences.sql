-- name: begin
-- Unless it was heard in this very moment.
INSERT INTO asset_event (customer_id, asset_id, kind, code, start_at, received_at, topic, payload)
SELECT customer_id, asset_id, 'interval', %(code)s, last_heard_at, %(now)s, '', ''
FROM asset_status
WHERE asset_id = %(asset)s AND silent_due_at < %(now)s
ON CONFLICT (asset_id, kind, start_at, seq, code) DO NOTHING;

-- name: end
-- Ingest notes when it hears a machine after its silence was due; a machine that may be silent now was not heard.
UPDATE asset_event e
SET end_at = greatest(e.start_at, CASE WHEN s.heard_again_at > e.start_at THEN s.heard_again_at ELSE %(now)s END)
FROM asset_status s
WHERE e.asset_id = %(asset)s AND e.kind = 'interval' AND e.code = %(code)s AND e.end_at IS NULL
  AND s.asset_id = e.asset_id;
