-- Who asks: principals, what they may see, and their keys (only SHA-256 is kept).

-- name: principal_by_name
SELECT p.id, p.role,
       coalesce((SELECT array_agg(c.slug ORDER BY c.slug)
                 FROM principal_customer pc JOIN customer c ON c.id = pc.customer_id
                 WHERE pc.principal_id = p.id), '{}')
FROM principal p WHERE p.name = %(name)s

-- name: customers_by_slug
SELECT id, slug FROM customer WHERE slug = ANY(%(slugs)s)

-- name: insert_principal
INSERT INTO principal (name, role, all_customers) VALUES (%(name)s, %(role)s, %(all_customers)s) RETURNING id

-- name: insert_principal_customer
INSERT INTO principal_customer (principal_id, customer_id) VALUES (%(principal_id)s, %(customer_id)s)

-- name: insert_key
INSERT INTO api_key (principal_id, prefix, sha256, created_at)
VALUES (%(principal_id)s, %(prefix)s, %(sha256)s, %(created_at)s)

-- name: revoke_key
UPDATE api_key SET revoked_at = %(revoked_at)s WHERE prefix = %(prefix)s AND revoked_at IS NULL

-- name: revoke_keys_of
UPDATE api_key SET revoked_at = %(revoked_at)s
WHERE principal_id = (SELECT id FROM principal WHERE name = %(name)s) AND revoked_at IS NULL

-- name: keys
SELECT p.name, p.role, k.prefix, k.created_at, k.revoked_at,
       CASE WHEN NOT p.all_customers THEN coalesce(
           (SELECT array_agg(c.slug ORDER BY c.slug) FROM principal_customer pc JOIN customer c ON c.id = pc.customer_id
            WHERE pc.principal_id = p.id), '{}') END AS customers
FROM api_key k JOIN principal p ON p.id = k.principal_id
ORDER BY p.name, k.created_at, k.id

-- name: begin_read
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: principal_of_key
SELECT id, name, role, all_customers, customer_ids FROM vouch_principal(%(sha256)s)

-- name: see_customers
SELECT set_config('vouch.customers', %(customers)s, true), set_config('statement_timeout', '20s', true)
