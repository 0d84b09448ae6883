-- The one place where TimescaleDB and plain PostgreSQL differ: with the extension at hand, readings become a hypertable.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        PERFORM create_hypertable('reading', by_range('at', INTERVAL '7 days'), create_default_indexes => false);
    END IF;
END
$$;
