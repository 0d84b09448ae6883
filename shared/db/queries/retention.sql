-- name: declared
SELECT what, keep_days, dropped_before FROM retention;

-- name: declare
INSERT INTO retention (what, keep_days) VALUES (%(what)s, %(keep_days)s)
ON CONFLICT (what) DO UPDATE SET keep_days = excluded.keep_days;

-- name: has_timescaledb
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');

-- name: hypertables
SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public';

-- name: old_chunks
SELECT count(*), max(range_end) FROM timescaledb_information.chunks
WHERE hypertable_schema = 'public' AND hypertable_name = %(table)s AND range_end <= %(before)s;

-- name: limit_wait
-- A reader that holds a chunk for long must not make everybody wait behind us.
SET LOCAL lock_timeout = '30s';

-- name: lock_horizon
SELECT pg_advisory_xact_lock(%(lock)s);

-- name: count_pending
SELECT count(*) FROM dirty_mark WHERE start_at < %(before)s;

-- name: move_horizon
UPDATE retention SET dropped_before = greatest(dropped_before, %(before)s) WHERE what = %(what)s;

-- name: drop_chunks
SELECT drop_chunks(%(table)s::regclass, older_than => %(before)s::timestamptz);

-- name: series
SELECT id FROM sensor ORDER BY id;

-- name: delete_reading
DELETE FROM reading WHERE (series_id, at) IN (
    SELECT series_id, at FROM reading WHERE series_id = %(series)s AND at < %(before)s ORDER BY at LIMIT %(limit)s);

-- name: delete_reading_minute
DELETE FROM reading_minute WHERE (series_id, at) IN (
    SELECT series_id, at FROM reading_minute WHERE series_id = %(series)s AND at < %(before)s ORDER BY at LIMIT %(limit)s);

-- name: delete_reading_hour
DELETE FROM reading_hour WHERE (series_id, at) IN (
    SELECT series_id, at FROM reading_hour WHERE series_id = %(series)s AND at < %(before)s ORDER BY at LIMIT %(limit)s);

-- name: delete_quarantine
-- What is open is the only trace of what a device said.
DELETE FROM quarantine WHERE id IN (
    SELECT id FROM quarantine WHERE received_at < %(before)s AND resolution IS NOT NULL
    ORDER BY received_at LIMIT %(limit)s);

-- name: edition
SELECT current_setting('timescaledb.license', true);

-- name: store_in_columns
ALTER TABLE reading SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'series_id', timescaledb.orderby = 'at');

-- name: forget_columnstore_policy
CALL remove_columnstore_policy('reading', if_exists => true);

-- name: add_columnstore_policy
CALL add_columnstore_policy('reading', after => %(after)s::interval);
