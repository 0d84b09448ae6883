-- Readings summed up by minute and by hour, for charts and long questions; ours instead of continuous aggregates,
-- because they must follow late data of any age on every edition.

CREATE TABLE reading_minute (
    series_id     integer NOT NULL,
    -- Start of the bucket, [at, at + 1 minute).
    at            timestamptz NOT NULL,
    count         integer NOT NULL CHECK (count >= 0),
    low           double precision,
    high          double precision,
    mean          double precision,
    last          double precision,
    -- Mean of the value over the time for which it is known: a reading holds until the next one of its series, at most
    -- for the hold of its asset's model. A bucket may be known by a reading before it: then count is 0.
    weighted_mean double precision,
    known_us      bigint NOT NULL CHECK (known_us >= 0),
    PRIMARY KEY (series_id, at)
);
CREATE TABLE reading_hour (LIKE reading_minute INCLUDING ALL);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('reading_minute', by_range('at', INTERVAL '30 days'), create_default_indexes => false);
        PERFORM create_hypertable('reading_hour', by_range('at', INTERVAL '365 days'), create_default_indexes => false);
    END IF;
END
$$;
