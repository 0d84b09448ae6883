-- name: lock
SELECT pg_advisory_xact_lock(%(lock)s);

-- name: rules
SELECT r.id, c.slug || '/' || s.slug, r.accepts, r.slugs, r.learns_sensors
FROM registration_rule r
JOIN site s ON s.id = r.site_id
JOIN customer c ON c.id = r.customer_id
WHERE r.most > 0
ORDER BY r.name;

-- name: create_assets
-- As many a rule as it may still register; the first asked for first.
WITH asked AS (
    SELECT n.rule_id, n.slug, row_number() OVER (PARTITION BY n.rule_id ORDER BY min(n.place)) AS turn
    FROM unnest(%(rule)s::integer[], %(slug)s::text[]) WITH ORDINALITY AS n (rule_id, slug, place)
    JOIN registration_rule r ON r.id = n.rule_id
    WHERE NOT EXISTS (SELECT FROM asset a WHERE a.site_id = r.site_id AND a.slug = n.slug)
    GROUP BY n.rule_id, n.slug
)
INSERT INTO asset (customer_id, site_id, model_id, slug, name, silent_after_s, registered_at, registered_by)
SELECT r.customer_id, r.site_id, r.model_id, asked.slug, asked.slug, r.silent_after_s, %(now)s, r.id
FROM asked JOIN registration_rule r ON r.id = asked.rule_id
WHERE asked.turn <= r.most - (SELECT count(*) FROM asset a WHERE a.registered_by = r.id)
ORDER BY asked.rule_id, asked.turn
ON CONFLICT (site_id, slug) DO NOTHING
RETURNING id;

-- name: give_model_sensors
INSERT INTO sensor (customer_id, asset_id, name, unit, reported_unit, reported_scale, reported_offset, physical_low,
                    physical_high, expected_low, expected_high)
SELECT a.customer_id, a.id, s.name, s.unit, s.reported_unit, s.reported_scale, s.reported_offset, s.physical_low,
       s.physical_high, s.expected_low, s.expected_high
FROM asset a JOIN model_sensor s ON s.model_id = a.model_id
WHERE a.id = ANY (%(assets)s)
ORDER BY a.id, s.name
ON CONFLICT (asset_id, name) DO NOTHING;

-- name: learn_sensors
-- Only for assets that the rule itself registered, as long as it learns; at most :most sensors an asset.
WITH asked AS (
    SELECT a.id AS asset_id, a.customer_id, n.name, n.unit,
           row_number() OVER (PARTITION BY a.id ORDER BY n.place) AS turn
    FROM unnest(%(rule)s::integer[], %(slug)s::text[], %(name)s::text[], %(unit)s::text[])
         WITH ORDINALITY AS n (rule_id, slug, name, unit, place)
    JOIN registration_rule r ON r.id = n.rule_id AND r.learns_sensors
    JOIN asset a ON a.site_id = r.site_id AND a.slug = n.slug AND a.registered_by = r.id
    WHERE NOT EXISTS (SELECT FROM sensor s WHERE s.asset_id = a.id AND s.name = n.name)
)
INSERT INTO sensor (customer_id, asset_id, name, unit)
SELECT asked.customer_id, asked.asset_id, asked.name, asked.unit
FROM asked
WHERE asked.turn <= %(most)s - (SELECT count(*) FROM sensor s WHERE s.asset_id = asked.asset_id)
ORDER BY asked.asset_id, asked.turn
ON CONFLICT (asset_id, name) DO NOTHING;

-- name: full
SELECT r.name FROM registration_rule r
WHERE r.id = ANY (%(rules)s) AND r.most <= (SELECT count(*) FROM asset a WHERE a.registered_by = r.id)
ORDER BY r.name;
