-- name: create_arriving
CREATE TEMP TABLE IF NOT EXISTS arriving_rejection (
    customer_id integer, asset_id integer, received_at timestamptz, topic text, payload bytea, reason text, detail text,
    content_type text, retained boolean
) ON COMMIT DELETE ROWS

-- name: copy_arriving
COPY arriving_rejection (customer_id, asset_id, received_at, topic, payload, reason, detail, content_type, retained)
FROM STDIN (FORMAT binary)

-- name: insert
-- Moved, not copied: there may be another load in the same transaction.
WITH arriving AS (DELETE FROM arriving_rejection RETURNING *)
INSERT INTO quarantine (customer_id, asset_id, received_at, topic, payload, reason, detail, content_type, retained)
SELECT customer_id, asset_id, received_at, topic, payload, reason, detail, content_type, retained FROM arriving

-- name: insert_missing
-- What was sent again after a crash is not noted again, whatever became of it since. The order makes the planner take
-- the index also where one payload came a hundred thousand times.
WITH arriving AS (DELETE FROM arriving_rejection RETURNING *)
INSERT INTO quarantine (customer_id, asset_id, received_at, topic, payload, reason, detail, content_type, retained)
SELECT n.customer_id, n.asset_id, n.received_at, n.topic, n.payload, n.reason, n.detail, n.content_type, n.retained
FROM arriving n
LEFT JOIN LATERAL (
    SELECT true AS is_noted FROM quarantine q
    WHERE q.digest = hashtextextended(n.topic || encode(sha256(n.payload), 'hex'), 0) AND q.received_at >= %(since)s
      AND q.topic = n.topic AND q.reason = n.reason AND q.detail = n.detail AND q.payload = n.payload
    ORDER BY q.received_at DESC LIMIT 1
) AS noted ON true
WHERE noted.is_noted IS NULL

-- name: matching
-- CASE, not OR: with the state given it is `resolution IS NULL`, which the index of open ones serves.
SELECT q.id FROM quarantine q
WHERE CASE coalesce(%(state)s::text, 'any') WHEN 'any' THEN true WHEN 'open' THEN q.resolution IS NULL
           ELSE q.resolution = %(state)s END
  AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
  AND (%(topic)s::text IS NULL OR starts_with(q.topic, %(topic)s))
  AND (%(since)s::timestamptz IS NULL OR q.received_at >= %(since)s)
  AND (%(asset)s::text IS NULL OR q.asset_id IN (
        SELECT a.id FROM asset a JOIN site s ON s.id = a.site_id JOIN customer c ON c.id = a.customer_id
        WHERE concat_ws('/', c.slug, s.slug, a.slug) = %(asset)s))
ORDER BY q.received_at DESC, q.id DESC LIMIT %(limit)s

-- name: rows
SELECT q.id, c.slug AS customer, q.asset_id, q.received_at, q.topic, q.content_type, q.retained, q.reason, q.detail,
       octet_length(q.payload) AS payload_bytes, substring(q.payload FROM 1 FOR %(payload_limit)s) AS payload,
       coalesce(q.resolution, 'open') AS state, q.attempted_at, q.resolved_at, q.resolved_by, q.note
FROM quarantine q LEFT JOIN customer c ON c.id = q.customer_id
WHERE q.id = ANY (%(ids)s)
ORDER BY q.received_at DESC, q.id DESC

-- name: discard
UPDATE quarantine SET resolution = 'discarded', resolved_at = %(at)s, resolved_by = %(by)s, note = %(note)s
WHERE id = ANY (%(ids)s) AND resolution IS NULL

-- name: lock_messages
-- The open parts of every message that one of these parts is of.
SELECT q.id, q.received_at, q.topic, q.payload, q.content_type, q.retained, q.reason, q.detail
FROM quarantine q
JOIN (SELECT DISTINCT digest, received_at FROM quarantine WHERE id = ANY (%(ids)s)) AS named USING (digest, received_at)
WHERE q.resolution IS NULL
ORDER BY q.received_at, q.id
FOR UPDATE OF q

-- name: resolve
UPDATE quarantine SET resolution = 'replayed', resolved_at = %(at)s, resolved_by = %(by)s, attempted_at = %(at)s
WHERE id = ANY (%(ids)s)

-- name: keep
-- A part is of another asset than before when the topic has found its machine meanwhile.
UPDATE quarantine SET reason = %(reason)s, detail = %(detail)s, customer_id = %(customer_id)s, asset_id = %(asset_id)s,
                      attempted_at = %(at)s
WHERE id = %(id)s

-- name: add_part
INSERT INTO quarantine
    (customer_id, asset_id, received_at, topic, payload, reason, detail, content_type, retained, attempted_at)
SELECT %(customer_id)s, %(asset_id)s, received_at, topic, payload, %(reason)s, %(detail)s, content_type, retained, %(at)s
FROM quarantine WHERE id = %(like)s

-- name: attempted
UPDATE quarantine SET attempted_at = %(at)s WHERE id = ANY (%(ids)s)

-- name: take_request
-- SKIP LOCKED: another ingest process may be at them.
SELECT id, quarantine_id, requested_by FROM quarantine_request
WHERE done_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: finish_request
UPDATE quarantine_request r SET done_at = %(at)s,
    outcome = coalesce((SELECT q.resolution FROM quarantine q WHERE q.id = r.quarantine_id), 'failing')
WHERE r.id = %(id)s
