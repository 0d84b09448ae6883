-- name: listed
-- The latest first. Without a status those of any.
SELECT r.id, r.asset_id, c.slug || '/' || si.slug || '/' || a.slug AS asset, r.event_id, r.start_at, r.end_at,
       r.category, r.cause, r.party, r.evidence, r.urls
FROM reclassification r
JOIN asset a ON a.id = r.asset_id
JOIN site si ON si.id = a.site_id
JOIN customer c ON c.id = a.customer_id
WHERE (%(id)s::bigint IS NULL OR r.id = %(id)s)
  AND (%(asset_id)s::integer IS NULL OR r.asset_id = %(asset_id)s)
  AND (%(status)s::text IS NULL OR %(status)s = (
      SELECT s.status FROM reclassification_step s WHERE s.reclassification_id = r.id ORDER BY s.id DESC LIMIT 1))
  AND r.id < %(before)s
ORDER BY r.id DESC LIMIT %(limit)s;

-- name: steps
SELECT id, reclassification_id, status, category, cause, party, at, by, side, why
FROM reclassification_step WHERE reclassification_id = ANY (%(ids)s) ORDER BY id;

-- name: asset
SELECT a.id
FROM asset a JOIN site si ON si.id = a.site_id JOIN customer c ON c.id = a.customer_id
WHERE c.slug || '/' || si.slug || '/' || a.slug = %(path)s;

-- name: event_stretch
-- From when to when an event speaks: a state to the asset's next one. Without an end it goes on.
SELECT e.start_at, CASE e.kind WHEN 'interval' THEN e.end_at ELSE (
    SELECT min(n.start_at) FROM asset_event n
    WHERE n.asset_id = e.asset_id AND n.kind = 'state' AND n.start_at > e.start_at) END AS end_at
FROM asset_event e WHERE e.id = %(event_id)s AND e.asset_id = %(asset_id)s;

-- name: noted
SELECT id AS step_id, reclassification_id, status FROM reclassification_step
WHERE principal_id = %(principal_id)s AND idempotency_key = %(key)s;

-- name: propose
SELECT step_id, reclassification_id, status
FROM vouch_reclassify(%(asset_id)s, %(event_id)s, %(start)s, %(end)s, %(category)s, %(cause)s, %(party)s, %(evidence)s,
                      %(urls)s, %(by)s, %(side)s, %(principal_id)s, %(key)s, %(at)s);

-- name: step
SELECT step_id, reclassification_id, status
FROM vouch_reclassification_step(%(id)s, %(after)s, %(status)s, %(category)s, %(cause)s, %(party)s, %(why)s, %(by)s,
                                 %(side)s, %(principal_id)s, %(key)s, %(at)s);
