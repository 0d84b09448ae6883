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

-- name: begin_read
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: principal_of_key
SELECT id, name, role, all_customers, customer_ids FROM vouch_principal(%(sha256)s)

-- name: see_customers
SELECT set_config('vouch.customers', %(customers)s, true), set_config('statement_timeout', '20s', true)
