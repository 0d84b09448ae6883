-- What the API shows. No query names a customer: row-level security decides which rows there are.

-- name: customers
SELECT slug, name FROM customer ORDER BY slug

-- name: assets
SELECT a.id, a.slug, a.name, c.slug AS customer, s.slug AS site, m.slug AS model, a.silent_after_s,
       a.healthy_from, a.healthy_to, st.last_heard_at, st.last_fact_at, co.state AS connection,
       coalesce(co.stated_at, co.received_at) AS connection_at, a.registered_at,
       i.category, i.cause, i.party, i.start_at AS state_from, i.end_at AS state_to
FROM asset a
JOIN customer c ON c.id = a.customer_id
JOIN site s ON s.id = a.site_id
JOIN asset_model m ON m.id = a.model_id
LEFT JOIN asset_status st ON st.asset_id = a.id
LEFT JOIN asset_connection co ON co.asset_id = a.id
LEFT JOIN LATERAL (SELECT * FROM interval i WHERE i.asset_id = a.id ORDER BY i.start_at DESC LIMIT 1) i ON true
WHERE a.id > %(after)s AND (%(id)s::integer IS NULL OR a.id = %(id)s)
ORDER BY a.id LIMIT %(limit)s

-- name: asset_exists
SELECT EXISTS (SELECT FROM asset WHERE id = %(id)s) AS found

-- name: sensors
SELECT id, name, unit, physical_low, physical_high, expected_low, expected_high
FROM sensor WHERE asset_id = %(asset_id)s ORDER BY name

-- name: events
SELECT id, kind, code, text, start_at, end_at, seq, received_at, topic, announced_at,
       coalesce(first_received_at, received_at) AS first_received_at, asset_id
FROM asset_event
WHERE asset_id = %(asset_id)s AND start_at < %(end)s
  AND (start_at >= %(start)s OR (kind = 'interval' AND (end_at > %(start)s OR end_at IS NULL)))
  AND (start_at, id) > (%(after_at)s, %(after_id)s)
ORDER BY start_at, id LIMIT %(limit)s

-- name: event
SELECT id, kind, code, text, start_at, end_at, seq, received_at, topic, announced_at,
       coalesce(first_received_at, received_at) AS first_received_at, asset_id, payload
FROM asset_event WHERE (%(asset_id)s::integer IS NULL OR asset_id = %(asset_id)s) AND id = %(id)s

-- name: corrections
SELECT c.id, 'reading' AS kind, c.at, n.name AS sensor, n.unit, c.old_value, c.new_value, NULL::bigint AS event_id,
       NULL::timestamptz AS old_end, NULL::timestamptz AS new_end, c.superseded_at, c.reason, c.source
FROM reading_superseded c JOIN sensor n ON n.id = c.series_id
WHERE c.asset_id = %(asset_id)s AND c.id < %(before)s
UNION ALL
SELECT c.id, 'event', e.start_at, NULL, NULL, NULL, NULL, c.event_id, c.old_end, c.new_end, c.superseded_at, c.reason,
       c.source
FROM event_superseded c JOIN asset_event e ON e.id = c.event_id
WHERE c.asset_id = %(asset_id)s AND c.id < %(before)s
ORDER BY id DESC LIMIT %(limit)s

-- name: contracts
-- The version in force at a time: the last that has begun, before any has begun the first.
SELECT DISTINCT ON (k.slug) k.id, k.slug, k.version, c.slug AS customer, c.name AS customer_name, k.valid_from,
       k.valid_to, k.stored_at, k.sha256,
       (SELECT count(*) FROM contract_asset ka WHERE ka.contract_id = k.id) AS assets
FROM contract k JOIN customer c ON c.id = k.customer_id
WHERE k.slug > %(after)s
ORDER BY k.slug, k.valid_from <= %(now)s DESC,
         CASE WHEN k.valid_from <= %(now)s THEN k.version ELSE -k.version END DESC
LIMIT %(limit)s

-- name: contract_versions
SELECT k.id, k.slug, k.version, c.slug AS customer, c.name AS customer_name, k.valid_from, k.valid_to, k.stored_at,
       k.sha256, (SELECT count(*) FROM contract_asset ka WHERE ka.contract_id = k.id) AS assets, k.source
FROM contract k JOIN customer c ON c.id = k.customer_id
WHERE k.slug = %(slug)s ORDER BY k.version

-- name: contract_assets
SELECT a.id, a.slug, a.name, s.slug AS site
FROM contract_asset ka JOIN asset a ON a.id = ka.asset_id JOIN site s ON s.id = a.site_id
WHERE ka.contract_id = %(contract_id)s ORDER BY a.id

-- name: assessments
-- Each version is the law of the periods that begin before the next one takes over.
WITH law AS (
    SELECT id, version, lead(valid_from, 1, 'infinity') OVER (ORDER BY version) AS superseded_at
    FROM contract WHERE slug = %(slug)s
)
SELECT s.id, law.version, s.guarantee_id, s.period_start, s.period_end, s.as_of, s.verdict, s.sha256, s.result
FROM law JOIN assessment s ON s.contract_id = law.id AND s.period_start < law.superseded_at
WHERE (s.period_start, s.id) > (%(after_at)s, %(after_id)s)
ORDER BY s.period_start, s.id LIMIT %(limit)s

-- name: standings
-- Of the version in force: for each guarantee the period that runs now, or the last one that has begun.
WITH law AS (
    SELECT DISTINCT ON (slug) id, slug, version, customer_id
    FROM contract WHERE valid_from <= %(now)s AND (%(slug)s::text IS NULL OR slug = %(slug)s)
    ORDER BY slug, version DESC
)
SELECT DISTINCT ON (law.slug, s.guarantee_id) law.slug, law.version, c.slug AS customer, c.name AS customer_name,
       (SELECT count(*) FROM contract_asset ka WHERE ka.contract_id = law.id) AS assets,
       s.guarantee_id, s.sha256, s.result
FROM law
JOIN customer c ON c.id = law.customer_id
JOIN assessment s ON s.contract_id = law.id
WHERE s.period_start <= %(now)s AND (law.slug, s.guarantee_id) > (%(after_slug)s, %(after_guarantee)s)
ORDER BY law.slug, s.guarantee_id, s.period_start DESC LIMIT %(limit)s

-- name: alerts
SELECT l.id, l.kind, l.subject, c.slug AS customer, l.asset_id, a.slug AS asset, k.slug AS contract, l.state,
       l.opened_at, l.closed_at
FROM alert l
JOIN customer c ON c.id = l.customer_id
LEFT JOIN asset a ON a.id = l.asset_id
LEFT JOIN contract k ON k.id = l.contract_id
WHERE (%(id)s::bigint IS NULL OR l.id = %(id)s)
  AND (%(state)s::text IS NULL OR l.state = %(state)s)
  AND (%(kind)s::text IS NULL OR l.kind = %(kind)s)
  AND (%(asset_id)s::integer IS NULL OR l.asset_id = %(asset_id)s)
  AND (l.opened_at, l.id) < (%(before_at)s, %(before_id)s)
ORDER BY l.opened_at DESC, l.id DESC LIMIT %(limit)s

-- name: transitions
SELECT id, alert_id, at, to_state, reason, title, body
FROM alert_transition WHERE alert_id = ANY(%(alert_ids)s) ORDER BY at, id

-- name: deliveries
SELECT d.transition_id, h.name AS channel, d.attempts, d.next_attempt_at, d.last_error, d.delivered_at
FROM delivery d
JOIN alert_transition t ON t.id = d.transition_id
JOIN channel h ON h.id = d.channel_id
WHERE t.alert_id = %(alert_id)s ORDER BY d.transition_id, h.name

-- name: quarantine
SELECT q.id, c.slug AS customer, q.asset_id, q.received_at, q.topic, q.reason, q.detail,
       octet_length(q.payload) AS payload_bytes, substring(q.payload FROM 1 FOR %(payload_limit)s) AS payload,
       q.content_type, q.retained, coalesce(q.resolution, 'open') AS state, q.attempted_at, q.resolved_at,
       q.resolved_by, q.note
FROM quarantine q LEFT JOIN customer c ON c.id = q.customer_id
WHERE (%(id)s::bigint IS NULL OR q.id = %(id)s)
  AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
  AND (%(asset_id)s::integer IS NULL OR q.asset_id = %(asset_id)s)
  AND (%(topic)s::text IS NULL OR starts_with(q.topic, %(topic)s))
  AND (%(since)s::timestamptz IS NULL OR q.received_at >= %(since)s)
  AND CASE coalesce(%(state)s::text, 'any') WHEN 'any' THEN true WHEN 'open' THEN q.resolution IS NULL
           ELSE q.resolution = %(state)s END
  AND (q.received_at, q.id) < (%(before_at)s, %(before_id)s)
ORDER BY q.received_at DESC, q.id DESC LIMIT %(limit)s

-- name: request
SELECT id, quarantine_id, action, requested_by, requested_at, done_at, outcome
FROM vouch_quarantine_request(%(quarantine_id)s, %(action)s, %(note)s, %(principal_id)s, %(key)s, %(at)s)

-- name: migrations
SELECT name FROM schema_migration

-- name: listen
LISTEN vouch_judged
