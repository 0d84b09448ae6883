-- How the API reaches readings and their rollups: like vouch_readings, through a sensor the asker may see. The queries
-- are planned anew with the values of each call, so that chunks outside the window are not even opened.

-- A page of readings; its length is the caller's affair, up to what an answer may hold.
CREATE OR REPLACE FUNCTION vouch_readings(p_series_id integer, p_from timestamptz, p_to timestamptz, p_limit integer)
RETURNS TABLE (at timestamptz, value double precision, quality smallint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM sensor s WHERE s.id = p_series_id AND vouch_sees(s.customer_id)) THEN
        RETURN QUERY EXECUTE 'SELECT r.at, r.value, r.quality FROM reading r
            WHERE r.series_id = $1 AND r.at >= $2 AND r.at < $3 ORDER BY r.at LIMIT least($4, 100001)'
            USING p_series_id, p_from, p_to, p_limit;
    END IF;
END
$$;

-- What a chart must know of a series in a window before it is read: its first and last reading, the first bucket of each
-- rollup and how many readings are rolled up, how long a reading holds, and what is not rolled up yet.
CREATE FUNCTION vouch_series_outline(p_series_id integer, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (first_at timestamptz, last_at timestamptz, minute_from timestamptz, hour_from timestamptz,
               rolled bigint, hold_us bigint, pending_from timestamptz[], pending_to timestamptz[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE v_asset_id integer;
BEGIN
    SELECT s.asset_id INTO v_asset_id FROM sensor s WHERE s.id = p_series_id AND vouch_sees(s.customer_id);
    IF v_asset_id IS NULL THEN
        RETURN;
    END IF;
    EXECUTE 'SELECT r.at FROM reading r WHERE r.series_id = $1 AND r.at >= $2 AND r.at < $3 ORDER BY r.at LIMIT 1'
        INTO first_at USING p_series_id, p_from, p_to;
    EXECUTE 'SELECT r.at FROM reading r WHERE r.series_id = $1 AND r.at >= $2 AND r.at < $3 ORDER BY r.at DESC LIMIT 1'
        INTO last_at USING p_series_id, p_from, p_to;
    EXECUTE 'SELECT m.at FROM reading_minute m
             WHERE m.series_id = $1 AND m.at >= $2 AND m.at < $3 ORDER BY m.at LIMIT 1'
        INTO minute_from USING p_series_id, p_from, p_to;
    EXECUTE 'SELECT min(h.at), coalesce(sum(h.count), 0) FROM reading_hour h
             WHERE h.series_id = $1 AND h.at >= $2 AND h.at < $3'
        INTO hour_from, rolled USING p_series_id, p_from, p_to;
    SELECT m.telemetry_hold_us INTO hold_us
    FROM asset a JOIN asset_model m ON m.id = a.model_id WHERE a.id = v_asset_id;
    SELECT array_agg(lower(w.span) ORDER BY w.span), array_agg(upper(w.span) ORDER BY w.span)
        INTO pending_from, pending_to
    FROM (
        SELECT unnest(range_agg(tstzrange(d.start_at, d.end_at))) AS span
        FROM (
            SELECT n.start_at, n.end_at FROM dirty_window n WHERE n.asset_id = v_asset_id
            UNION ALL
            -- The view dirty_mark would spread every machine's marks to find those of one.
            SELECT b.start_at[n.place], b.end_at[n.place]
            FROM dirty_batch b CROSS JOIN LATERAL unnest(array_positions(b.asset_id, v_asset_id)) AS n (place)
        ) d
        WHERE d.start_at < p_to AND d.end_at > p_from
    ) w;
    RETURN NEXT;
END
$$;

-- The series in each of these spans as columns, one row a span: readings ('raw', high is null) or the extremes of a
-- rollup ('1m', '1h'). It stops, within a span, when p_limit readings are given.
CREATE FUNCTION vouch_series_columns(
    p_series_id integer, p_source text, p_from timestamptz[], p_to timestamptz[], p_limit integer)
RETURNS TABLE (at timestamptz[], low double precision[], high double precision[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_left integer := p_limit;
    v_query CONSTANT text := CASE p_source
        WHEN 'raw' THEN 'SELECT array_agg(r.at), array_agg(r.value), NULL::double precision[]
            FROM (SELECT r.at, r.value FROM reading r
                  WHERE r.series_id = $1 AND r.at >= $2 AND r.at < $3 LIMIT $4) r'
        WHEN '1m' THEN 'SELECT array_agg(m.at), array_agg(m.low), array_agg(m.high) FROM reading_minute m
            WHERE m.series_id = $1 AND m.at >= $2 AND m.at < $3'
        WHEN '1h' THEN 'SELECT array_agg(h.at), array_agg(h.low), array_agg(h.high) FROM reading_hour h
            WHERE h.series_id = $1 AND h.at >= $2 AND h.at < $3'
    END;
BEGIN
    IF NOT EXISTS (SELECT FROM sensor s WHERE s.id = p_series_id AND vouch_sees(s.customer_id)) THEN
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(p_from) LOOP
        EXIT WHEN v_left <= 0;
        EXECUTE v_query INTO at, low, high USING p_series_id, p_from[i], p_to[i], v_left;
        IF at IS NOT NULL THEN
            v_left := v_left - cardinality(at);
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION vouch_series_outline(integer, timestamptz, timestamptz),
    vouch_series_columns(integer, text, timestamptz[], timestamptz[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vouch_series_outline(integer, timestamptz, timestamptz),
    vouch_series_columns(integer, text, timestamptz[], timestamptz[], integer) TO vouch_api;
