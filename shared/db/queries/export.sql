-- What an export reads, as the owner of the tables and in one snapshot.

-- name: begin_snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: assets
SELECT a.id, c.slug || '/' || s.slug || '/' || a.slug AS path
FROM asset a JOIN site s ON s.id = a.site_id JOIN customer c ON c.id = a.customer_id
WHERE c.slug || '/' || s.slug || '/' || a.slug = ANY(%(paths)s)

-- name: sensors
SELECT id, asset_id, name, unit FROM sensor
WHERE asset_id = ANY(%(assets)s) AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s)) ORDER BY asset_id, name

-- name: span
SELECT min(at), max(at) FROM reading
WHERE series_id = %(series_id)s AND at >= coalesce(%(start)s, '-infinity'::timestamptz)
  AND at < coalesce(%(end)s, 'infinity'::timestamptz)

-- name: page
SELECT coalesce(array_agg(r.at), '{}'), coalesce(array_agg(r.value), '{}'), coalesce(array_agg(r.quality), '{}')
FROM (SELECT at, value, quality FROM reading
      WHERE series_id = %(series_id)s AND at >= %(start)s AND at <= %(last)s ORDER BY at LIMIT %(limit)s) r

-- name: events
SELECT asset_id, kind, code, text, start_at, end_at, seq, received_at, topic FROM asset_event
WHERE asset_id = ANY(%(assets)s) AND start_at < coalesce(%(end)s, 'infinity'::timestamptz)
  AND (start_at >= coalesce(%(start)s, '-infinity'::timestamptz)
       OR (kind = 'interval' AND (end_at > %(start)s OR end_at IS NULL)))
ORDER BY asset_id, start_at, seq, id
