-- name: release_sources
-- Of the assets declared, those that another source speaks for than is declared, or none any more.
DELETE FROM sparkplug_source s
USING unnest(%(customer)s::text[], %(site)s::text[], %(slug)s::text[], %(group)s::text[], %(node)s::text[],
             %(device)s::text[]) AS n (customer, site, slug, group_id, node_id, device_id),
      customer c, site si, asset a
WHERE c.slug = n.customer AND si.customer_id = c.id AND si.slug = n.site AND a.site_id = si.id AND a.slug = n.slug
  AND s.asset_id = a.id
  AND (s.group_id, s.node_id, s.device_id) IS DISTINCT FROM (n.group_id, n.node_id, n.device_id)

-- name: taken_sources
-- Declared sources that speak for another asset, which is not among those declared.
SELECT s.group_id, s.node_id, s.device_id, concat_ws('/', c.slug, si.slug, a.slug), n.place
FROM unnest(%(customer)s::text[], %(site)s::text[], %(slug)s::text[], %(group)s::text[], %(node)s::text[],
            %(device)s::text[]) WITH ORDINALITY AS n (customer, site, slug, group_id, node_id, device_id, place)
JOIN sparkplug_source s USING (group_id, node_id, device_id)
JOIN asset a ON a.id = s.asset_id JOIN site si ON si.id = a.site_id JOIN customer c ON c.id = a.customer_id
WHERE (c.slug, si.slug, a.slug) <> (n.customer, n.site, n.slug)
ORDER BY n.place

-- name: save_sources
INSERT INTO sparkplug_source (customer_id, asset_id, group_id, node_id, device_id)
SELECT c.id, a.id, n.group_id, n.node_id, n.device_id
FROM unnest(%(customer)s::text[], %(site)s::text[], %(slug)s::text[], %(group)s::text[], %(node)s::text[],
            %(device)s::text[]) AS n (customer, site, slug, group_id, node_id, device_id)
JOIN customer c ON c.slug = n.customer
JOIN site si ON si.customer_id = c.id AND si.slug = n.site
JOIN asset a ON a.site_id = si.id AND a.slug = n.slug
WHERE n.group_id IS NOT NULL AND NOT EXISTS (SELECT FROM sparkplug_source s WHERE s.asset_id = a.id)

-- name: version
SELECT coalesce((SELECT max(id) FROM sparkplug_source), 0), coalesce((SELECT max(id) FROM sensor), 0)

-- name: sources
SELECT s.group_id, s.node_id, s.device_id, concat_ws('/', c.slug, si.slug, a.slug),
       array(SELECT n.name FROM sensor n WHERE n.asset_id = a.id)
FROM sparkplug_source s
JOIN asset a ON a.id = s.asset_id JOIN site si ON si.id = a.site_id JOIN customer c ON c.id = a.customer_id

-- name: nodes
SELECT group_id, node_id, bd_seq, expected, rebirth_at FROM sparkplug_node

-- name: births
SELECT group_id, node_id, device_id, metrics FROM sparkplug_birth

-- name: save_nodes
INSERT INTO sparkplug_node (group_id, node_id, bd_seq, expected, rebirth_at)
SELECT * FROM unnest(%(group)s::text[], %(node)s::text[], %(bd_seq)s::bigint[], %(expected)s::smallint[],
                     %(rebirth_at)s::timestamptz[])
ON CONFLICT (group_id, node_id) DO UPDATE SET
    bd_seq = excluded.bd_seq, expected = excluded.expected, rebirth_at = excluded.rebirth_at

-- name: delete_births
DELETE FROM sparkplug_birth b
USING unnest(%(group)s::text[], %(node)s::text[], %(device)s::text[]) AS n (group_id, node_id, device_id)
WHERE (b.group_id, b.node_id, b.device_id) = (n.group_id, n.node_id, n.device_id)

-- name: save_births
INSERT INTO sparkplug_birth (group_id, node_id, device_id, metrics)
SELECT * FROM unnest(%(group)s::text[], %(node)s::text[], %(device)s::text[], %(metrics)s::jsonb[])
ON CONFLICT (group_id, node_id, device_id) DO UPDATE SET metrics = excluded.metrics
