-- name: customer
-- Locked, so that two loads for one customer cannot both be the next version.
SELECT id FROM customer WHERE slug = %(customer)s FOR NO KEY UPDATE;

-- name: assets
SELECT s.slug || '/' || a.slug AS path, a.id
FROM asset a
JOIN site s ON s.id = a.site_id
WHERE a.customer_id = %(customer_id)s AND s.slug || '/' || a.slug = ANY (%(paths)s);

-- name: versions_of
SELECT version, sha256, customer_id, source FROM contract WHERE slug = %(slug)s ORDER BY version;

-- name: insert
INSERT INTO contract (customer_id, slug, version, valid_from, valid_to, source, sha256, stored_at)
VALUES (%(customer_id)s, %(slug)s, %(version)s, %(valid_from)s, %(valid_to)s, %(source)s, %(sha256)s, %(now)s)
RETURNING id;

-- name: insert_assets
INSERT INTO contract_asset (contract_id, asset_id, customer_id)
SELECT %(contract_id)s, unnest(%(assets)s::integer[]), %(customer_id)s;

-- name: versions
-- Every version with the instant the next one takes over.
SELECT c.id, c.customer_id, c.source, c.slug, c.version,
       lead(c.valid_from) OVER (PARTITION BY c.slug ORDER BY c.version) AS superseded_at,
       (SELECT array_agg(ca.asset_id ORDER BY ca.asset_id) FROM contract_asset ca WHERE ca.contract_id = c.id) AS assets
FROM contract c
ORDER BY c.id;

-- name: lock
-- Who assesses a contract sees the timelines of everyone who assessed it before. In order, so that nobody waits crosswise.
SELECT pg_advisory_xact_lock(%(lock)s, id) FROM (SELECT unnest(%(contracts)s::integer[]) AS id ORDER BY 1) AS c;
