-- Credentials of devices; no secret is ever here.

-- name: begin_change
LOCK TABLE device IN SHARE ROW EXCLUSIVE MODE

-- name: asset_by_path
SELECT a.id, a.customer_id
FROM asset a JOIN site s ON s.id = a.site_id JOIN customer c ON c.id = a.customer_id
WHERE c.slug = %(customer)s AND s.slug = %(site)s AND a.slug = %(asset)s

-- name: insert
INSERT INTO device (customer_id, asset_id, name, username, kind, created_at)
VALUES (%(customer_id)s, %(asset_id)s, %(name)s, %(username)s, %(kind)s, %(at)s)
ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING

-- name: all
SELECT d.name, c.slug || '/' || s.slug || '/' || a.slug, d.username, d.kind, d.created_at, d.rotated_at, d.revoked_at,
       p.group_id, p.node_id,
       (SELECT n.name FROM sensor n WHERE n.asset_id = d.asset_id ORDER BY n.id LIMIT 1)
FROM device d JOIN asset a ON a.id = d.asset_id JOIN site s ON s.id = a.site_id JOIN customer c ON c.id = d.customer_id
LEFT JOIN sparkplug_source p ON p.asset_id = d.asset_id AND p.device_id = ''
WHERE (%(name)s::text IS NULL OR d.name = %(name)s) AND (d.revoked_at IS NULL OR %(with_revoked)s)
ORDER BY d.name, d.created_at, d.id

-- name: rotate
UPDATE device SET rotated_at = %(at)s, username = %(username)s WHERE name = %(name)s AND revoked_at IS NULL

-- name: revoke
UPDATE device SET revoked_at = %(at)s WHERE name = %(name)s AND revoked_at IS NULL
