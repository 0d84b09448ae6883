-- name: save_customer
INSERT INTO customer (slug, name) VALUES (%(slug)s, %(name)s)
ON CONFLICT (slug) DO UPDATE SET name = excluded.name;

-- name: save_site
INSERT INTO site (customer_id, slug, name)
SELECT c.id, %(slug)s, %(name)s FROM customer c WHERE c.slug = %(customer)s
ON CONFLICT (customer_id, slug) DO UPDATE SET name = excluded.name;

-- name: save_model
INSERT INTO asset_model (slug, name, telemetry_hold_us, payload_format, state_rules, detector, trust, min_event_us,
                         packml, prognosis)
VALUES (%(slug)s, %(name)s, %(telemetry_hold_us)s, %(payload_format)s, %(state_rules)s, %(detector)s, %(trust)s,
        %(min_event_us)s, %(packml)s, %(prognosis)s)
ON CONFLICT (slug) DO UPDATE SET name = excluded.name, telemetry_hold_us = excluded.telemetry_hold_us,
    payload_format = excluded.payload_format, state_rules = excluded.state_rules, detector = excluded.detector,
    trust = excluded.trust, min_event_us = excluded.min_event_us, packml = excluded.packml,
    prognosis = excluded.prognosis;

-- name: supersede_code
-- What is said otherwise now, or no longer; it stays on record.
UPDATE code_version v SET superseded_at = now()
FROM asset_model m
WHERE m.slug = %(model)s AND v.model_id = m.id AND v.code = %(code)s AND v.superseded_at IS NULL AND NOT EXISTS (
    SELECT FROM unnest(%(valid_from)s::timestamptz[], %(category)s::text[], %(cause)s::text[], %(party)s::text[],
                       %(note)s::text[]) AS n (valid_from, category, cause, party, note)
    WHERE coalesce(n.valid_from, '-infinity') = v.valid_from
      AND (n.category, n.cause, n.party, n.note) = (v.category, v.cause, v.party, v.note));

-- name: save_code
INSERT INTO code_version (model_id, code, valid_from, category, cause, party, note, recorded_at)
SELECT m.id, %(code)s, coalesce(n.valid_from, '-infinity'), n.category, n.cause, n.party, n.note, now()
FROM asset_model m
CROSS JOIN unnest(%(valid_from)s::timestamptz[], %(category)s::text[], %(cause)s::text[], %(party)s::text[],
                  %(note)s::text[]) AS n (valid_from, category, cause, party, note)
WHERE m.slug = %(model)s AND NOT EXISTS (
    SELECT FROM code_version v
    WHERE v.model_id = m.id AND v.code = %(code)s AND v.valid_from = coalesce(n.valid_from, '-infinity')
      AND v.superseded_at IS NULL);

-- name: save_asset
INSERT INTO asset (customer_id, site_id, model_id, slug, name, silent_after_s, healthy_from, healthy_to)
SELECT c.id, s.id, m.id, %(slug)s, %(name)s, %(silent_after_s)s, %(healthy_from)s, %(healthy_to)s
FROM customer c
JOIN site s ON s.customer_id = c.id AND s.slug = %(site)s
JOIN asset_model m ON m.slug = %(model)s
WHERE c.slug = %(customer)s
ON CONFLICT (site_id, slug) DO UPDATE SET model_id = excluded.model_id, name = excluded.name,
    silent_after_s = excluded.silent_after_s, healthy_from = excluded.healthy_from, healthy_to = excluded.healthy_to;

-- name: save_model_sensor
INSERT INTO model_sensor (model_id, name, unit, reported_unit, reported_scale, reported_offset, physical_low,
                          physical_high, expected_low, expected_high, quantity, quantity_as, quantity_unit)
SELECT m.id, %(name)s, %(unit)s, %(reported_unit)s, %(reported_scale)s, %(reported_offset)s, %(physical_low)s,
       %(physical_high)s, %(expected_low)s, %(expected_high)s, %(quantity)s, %(quantity_as)s, %(quantity_unit)s
FROM asset_model m WHERE m.slug = %(model)s
ON CONFLICT (model_id, name) DO UPDATE SET quantity = excluded.quantity, quantity_as = excluded.quantity_as,
    quantity_unit = excluded.quantity_unit, unit = excluded.unit, reported_unit = excluded.reported_unit,
    reported_scale = excluded.reported_scale, reported_offset = excluded.reported_offset,
    physical_low = excluded.physical_low, physical_high = excluded.physical_high,
    expected_low = excluded.expected_low, expected_high = excluded.expected_high;

-- name: save_sensor
-- One sensor of a model, for every asset of that model.
INSERT INTO sensor (customer_id, asset_id, name, unit, reported_unit, reported_scale, reported_offset, physical_low,
                    physical_high, expected_low, expected_high)
SELECT a.customer_id, a.id, s.name, s.unit, s.reported_unit, s.reported_scale, s.reported_offset, s.physical_low,
       s.physical_high, s.expected_low, s.expected_high
FROM asset_model m JOIN asset a ON a.model_id = m.id JOIN model_sensor s ON s.model_id = m.id
WHERE m.slug = %(model)s AND s.name = %(name)s
ON CONFLICT (asset_id, name) DO UPDATE SET unit = excluded.unit, reported_unit = excluded.reported_unit,
    reported_scale = excluded.reported_scale, reported_offset = excluded.reported_offset,
    physical_low = excluded.physical_low, physical_high = excluded.physical_high,
    expected_low = excluded.expected_low, expected_high = excluded.expected_high;

-- name: declared_sensors
SELECT m.slug, s.name FROM asset_model m JOIN model_sensor s ON s.model_id = m.id WHERE m.slug = ANY (%(models)s);

-- name: sensors_of_another_unit
-- Sensors as they are before their model's are given to them.
SELECT m.slug, n.name, n.unit, n.id, c.slug || '/' || si.slug || '/' || a.slug
FROM asset_model m
JOIN asset a ON a.model_id = m.id
JOIN model_sensor s ON s.model_id = m.id
JOIN sensor n ON n.asset_id = a.id AND n.name = s.name
JOIN site si ON si.id = a.site_id
JOIN customer c ON c.id = a.customer_id
WHERE m.slug = ANY (%(models)s) AND n.unit <> s.unit
ORDER BY n.id;

-- name: has_readings
SELECT EXISTS (SELECT FROM reading WHERE series_id = %(series_id)s)
    OR EXISTS (SELECT FROM reading_minute WHERE series_id = %(series_id)s)
    OR EXISTS (SELECT FROM reading_hour WHERE series_id = %(series_id)s);

-- name: save_silence
-- A machine heard before may now be silent for longer, shorter, or as it likes.
UPDATE asset_status s SET silent_due_at = s.last_heard_at + a.silent_after_s * interval '1 second'
FROM asset a
JOIN site si ON si.id = a.site_id AND si.slug = %(site)s
JOIN customer c ON c.id = a.customer_id AND c.slug = %(customer)s
WHERE a.slug = %(slug)s AND s.asset_id = a.id
  AND s.silent_due_at IS DISTINCT FROM s.last_heard_at + a.silent_after_s * interval '1 second';

-- name: save_registration_rule
INSERT INTO registration_rule
    (name, customer_id, site_id, model_id, accepts, slugs, learns_sensors, most, silent_after_s)
SELECT %(name)s, c.id, s.id, m.id, %(accepts)s, %(slugs)s, %(learns_sensors)s, %(most)s, %(silent_after_s)s
FROM customer c
JOIN site s ON s.customer_id = c.id AND s.slug = %(site)s
JOIN asset_model m ON m.slug = %(model)s
WHERE c.slug = %(customer)s
ON CONFLICT (name) DO UPDATE SET customer_id = excluded.customer_id, site_id = excluded.site_id,
    model_id = excluded.model_id, accepts = excluded.accepts, slugs = excluded.slugs,
    learns_sensors = excluded.learns_sensors, most = excluded.most, silent_after_s = excluded.silent_after_s;

-- name: save_channel
INSERT INTO channel (name, customer_id, url, kinds)
VALUES (%(name)s, (SELECT c.id FROM customer c WHERE c.slug = %(customer)s), %(url)s, %(kinds)s)
ON CONFLICT (name) DO UPDATE SET customer_id = excluded.customer_id, url = excluded.url, kinds = excluded.kinds;

-- name: interpretations
-- What is derived from an asset's facts depends on these settings of it and its model.
SELECT a.id, md5(concat_ws('|', m.id, m.telemetry_hold_us, m.state_rules, m.detector, m.trust, m.min_event_us,
    m.packml, a.healthy_from, a.healthy_to,
    (SELECT jsonb_agg(jsonb_build_array(v.code, v.valid_from, v.category, v.cause, v.party)
                      ORDER BY v.code, v.valid_from)
     FROM code_version v WHERE v.model_id = m.id AND v.superseded_at IS NULL),
    (SELECT jsonb_agg(jsonb_build_array(q.name, q.quantity, q.quantity_as, q.quantity_unit) ORDER BY q.name)
     FROM model_sensor q WHERE q.model_id = m.id AND q.quantity IS NOT NULL)))
FROM asset a JOIN asset_model m ON m.id = a.model_id;

-- name: mark_known_time
-- Dirty from an asset's first fact to the last one or as far as its timeline was carried.
INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
SELECT known.asset_id, min(known.start_at), max(known.end_at), now()
FROM (
    SELECT e.asset_id, min(e.start_at) AS start_at, max(coalesce(e.end_at, e.start_at)) + interval '1 us' AS end_at
    FROM asset_event e WHERE e.asset_id = ANY (%(assets)s) GROUP BY e.asset_id
    UNION ALL
    SELECT s.asset_id, min(r.first_at), max(r.last_at) + m.telemetry_hold_us * interval '1 us'
    FROM sensor s
    JOIN asset a ON a.id = s.asset_id
    JOIN asset_model m ON m.id = a.model_id
    CROSS JOIN LATERAL (SELECT min(at) AS first_at, max(at) AS last_at FROM reading WHERE series_id = s.id) r
    WHERE s.asset_id = ANY (%(assets)s) AND r.first_at IS NOT NULL
    GROUP BY s.asset_id, m.telemetry_hold_us
    UNION ALL
    SELECT i.asset_id, min(i.start_at), max(i.end_at)
    FROM interval i WHERE i.asset_id = ANY (%(assets)s) GROUP BY i.asset_id
) AS known
GROUP BY known.asset_id;

-- name: note_version
UPDATE fleet_version SET number = number + 1;
