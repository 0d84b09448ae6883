-- Readings as series: pages, charts and latest values, each through a function that asks whose series it is.

-- name: sensors
SELECT id, name, unit, physical_low, physical_high, expected_low, expected_high
FROM sensor WHERE asset_id = %(asset_id)s AND name = ANY(%(names)s)

-- name: page
SELECT coalesce(array_agg(at), '{}') AS at, coalesce(array_agg(value), '{}') AS value,
       coalesce(array_agg(quality), '{}') AS quality
FROM vouch_readings(%(series_id)s, %(start)s, %(end)s, %(limit)s)

-- name: latest
SELECT series_id, asset_id, sensor, unit, at, value, quality
FROM vouch_latest(%(asset_id)s, %(after)s, %(limit)s)

-- name: outline
SELECT first_at, last_at, minute_from, hour_from, rolled, hold_us,
       coalesce(pending_from, '{}') AS pending_from, coalesce(pending_to, '{}') AS pending_to
FROM vouch_series_outline(%(series_id)s, %(start)s, %(end)s)

-- name: columns
SELECT at, low, high FROM vouch_series_columns(%(series_id)s, %(source)s, %(starts)s, %(ends)s, %(limit)s)
