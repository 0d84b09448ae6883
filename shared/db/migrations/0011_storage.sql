-- Rollups say when their last reading was; how long facts are kept; the latest value of everything.

-- Only buckets with a reading have a row, or a sensor that speaks every ten minutes would cost ten rows a reading. In a
-- bucket without one, the last value holds until the next reading, at most for its asset's hold after last_at.
ALTER TABLE reading_minute
    ADD COLUMN last_at timestamptz NOT NULL,
    ADD CHECK (count > 0),
    ADD CHECK (known_us > 0),
    ALTER COLUMN low SET NOT NULL,
    ALTER COLUMN high SET NOT NULL,
    ALTER COLUMN mean SET NOT NULL,
    ALTER COLUMN last SET NOT NULL,
    ALTER COLUMN weighted_mean SET NOT NULL;
ALTER TABLE reading_hour
    ADD COLUMN last_at timestamptz NOT NULL,
    ADD CHECK (count > 0),
    ADD CHECK (known_us > 0),
    ALTER COLUMN low SET NOT NULL,
    ALTER COLUMN high SET NOT NULL,
    ALTER COLUMN mean SET NOT NULL,
    ALTER COLUMN last SET NOT NULL,
    ALTER COLUMN weighted_mean SET NOT NULL;

-- How long each kind of row is kept. A kind without a row here is kept for ever.
CREATE TABLE retention (
    what           text PRIMARY KEY CHECK (what IN ('readings', 'minutes', 'hours', 'quarantine')),
    -- null = for ever, from now on.
    keep_days      integer CHECK (keep_days > 0),
    -- Everything before it is gone: nothing may be derived anew from what is left there.
    dropped_before timestamptz
);

-- The newest reading of each sensor, by its id after p_after; without an asset, of all that the caller may see. Where
-- the reading itself is no longer kept, the newest hour still says it, without quality.
CREATE FUNCTION vouch_latest(p_asset_id integer, p_after integer, p_limit integer)
RETURNS TABLE (series_id integer, asset_id integer, sensor text, unit text, at timestamptz, value double precision,
               quality smallint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id, s.asset_id, s.name, s.unit, coalesce(r.at, h.last_at), coalesce(r.value, h.last), r.quality
    FROM sensor s
    LEFT JOIN LATERAL (
        SELECT n.at, n.value, n.quality FROM reading n WHERE n.series_id = s.id ORDER BY n.at DESC LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT n.last_at, n.last FROM reading_hour n WHERE n.series_id = s.id AND r.at IS NULL ORDER BY n.at DESC LIMIT 1
    ) h ON true
    WHERE s.id > p_after AND (p_asset_id IS NULL OR s.asset_id = p_asset_id) AND vouch_sees(s.customer_id)
    ORDER BY s.id LIMIT least(p_limit, 10000)
$$;
REVOKE ALL ON FUNCTION vouch_latest(integer, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vouch_latest(integer, integer, integer) TO vouch_api;

-- What is stored already is rolled up by the next passes of analytics.
INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
SELECT s.asset_id, min(r.first_at), max(r.last_at) + max(m.telemetry_hold_us) * interval '1 us', now()
FROM sensor s
JOIN asset a ON a.id = s.asset_id
JOIN asset_model m ON m.id = a.model_id
CROSS JOIN LATERAL (SELECT min(n.at) AS first_at, max(n.at) AS last_at FROM reading n WHERE n.series_id = s.id) r
WHERE r.first_at IS NOT NULL
GROUP BY s.asset_id;
