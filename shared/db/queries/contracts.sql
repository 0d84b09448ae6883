-- name: customer
-- Locked, so that two loads for one customer cannot both be the next version.
-- A file may name the customer as people do, if nobody else is called so.
SELECT id FROM customer c
WHERE slug = %(customer)s OR (name = %(customer)s AND NOT EXISTS (
    SELECT FROM customer o WHERE o.id <> c.id AND (o.slug = %(customer)s OR o.name = %(customer)s)))
FOR NO KEY UPDATE;

-- name: assets
SELECT a.id, s.slug, a.slug FROM asset a JOIN site s ON s.id = a.site_id WHERE a.customer_id = %(customer_id)s ORDER BY a.id;

-- name: versions_of
SELECT version, sha256, customer_id, source FROM contract WHERE slug = %(slug)s ORDER BY version;

-- name: insert
INSERT INTO contract (customer_id, slug, version, valid_from, valid_to, source, sha256, stored_at)
VALUES (%(customer_id)s, %(slug)s, %(version)s, %(valid_from)s, %(valid_to)s, %(source)s, %(sha256)s, %(now)s)
RETURNING id;

-- name: insert_assets
INSERT INTO contract_asset (contract_id, asset_id, customer_id, name)
SELECT %(contract_id)s, asset_id, %(customer_id)s, name
FROM unnest(%(assets)s::integer[], %(names)s::text[]) AS n (asset_id, name);

-- name: versions
-- Every version with the instant the next one takes over.
SELECT c.id, c.customer_id, c.source, c.slug, c.version,
       lead(c.valid_from) OVER (PARTITION BY c.slug ORDER BY c.version) AS superseded_at,
       (SELECT jsonb_object_agg(ca.name, ca.asset_id) FROM contract_asset ca WHERE ca.contract_id = c.id) AS assets
FROM contract c
ORDER BY c.id;

-- name: latest
SELECT c.customer_id, c.version, c.source,
       (SELECT jsonb_object_agg(ca.name, ca.asset_id) FROM contract_asset ca WHERE ca.contract_id = c.id) AS assets
FROM contract c WHERE c.slug = %(slug)s ORDER BY c.version DESC LIMIT 1;

-- name: assets_of
SELECT name, asset_id FROM contract_asset WHERE contract_id = %(contract_id)s;

-- name: lock
-- Who assesses a contract sees the timelines of everyone who assessed it before. In order, so that nobody waits crosswise.
SELECT pg_advisory_xact_lock(%(lock)s, id) FROM (SELECT unnest(%(contracts)s::integer[]) AS id ORDER BY 1) AS c;
