-- name: version
SELECT coalesce((SELECT max(id) FROM asset), 0), coalesce((SELECT max(id) FROM sensor), 0), number FROM fleet_version

-- name: assets
SELECT concat_ws('/', c.slug, s.slug, a.slug), a.id, a.customer_id, m.payload_format,
       CASE WHEN r.learns_sensors THEN r.id END
FROM asset a
JOIN site s ON s.id = a.site_id
JOIN customer c ON c.id = a.customer_id
JOIN asset_model m ON m.id = a.model_id
LEFT JOIN registration_rule r ON r.id = a.registered_by

-- name: sensors
SELECT n.id, n.asset_id, m.telemetry_hold_us,
       coalesce(n.physical_low, '-infinity'), coalesce(n.physical_high, 'infinity'),
       coalesce(n.expected_low, '-infinity'), coalesce(n.expected_high, 'infinity'), n.name, n.unit,
       coalesce(n.reported_unit, n.unit), n.reported_scale, n.reported_offset
FROM sensor n JOIN asset a ON a.id = n.asset_id JOIN asset_model m ON m.id = a.model_id
ORDER BY n.id
