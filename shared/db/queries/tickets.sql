-- name: supersede
UPDATE ticket t SET superseded_at = greatest(%(now)s, t.recorded_at)
FROM unnest(%(assets)s::integer[], %(contracts)s::text[], %(numbers)s::text[], %(priorities)s::text[],
            %(received)s::timestamptz[], %(on_site)s::timestamptz[], %(restored)s::timestamptz[], %(paused_us)s::bigint[])
    AS n (asset_id, contract, number, priority, received_at, on_site_at, restored_at, paused_us)
WHERE t.superseded_at IS NULL AND t.customer_id = %(customer)s AND t.number = n.number
  AND (t.asset_id, t.contract, t.priority, t.received_at, t.on_site_at, t.restored_at, t.paused_us)
      IS DISTINCT FROM (n.asset_id, n.contract, n.priority, n.received_at, n.on_site_at, n.restored_at, n.paused_us)
RETURNING t.asset_id, t.contract, t.received_at;

-- name: insert
INSERT INTO ticket (customer_id, asset_id, contract, number, priority, received_at, on_site_at, restored_at, paused_us,
                    recorded_at, source)
SELECT %(customer)s, n.*, %(now)s, %(source)s
FROM unnest(%(assets)s::integer[], %(contracts)s::text[], %(numbers)s::text[], %(priorities)s::text[],
            %(received)s::timestamptz[], %(on_site)s::timestamptz[], %(restored)s::timestamptz[], %(paused_us)s::bigint[])
    AS n (asset_id, contract, number, priority, received_at, on_site_at, restored_at, paused_us)
ON CONFLICT (customer_id, number) WHERE superseded_at IS NULL DO NOTHING
RETURNING asset_id, contract, received_at;

-- name: between
SELECT t.asset_id, t.number, t.priority, t.received_at, t.on_site_at, t.restored_at, t.paused_us
FROM ticket t
WHERE t.superseded_at IS NULL AND t.received_at >= %(start)s AND t.received_at < %(end)s
  AND (t.asset_id = ANY (%(assets)s) OR (t.contract = %(contract)s AND t.customer_id = (
      SELECT customer_id FROM contract WHERE slug = %(contract)s LIMIT 1)))
ORDER BY t.received_at, t.number;
