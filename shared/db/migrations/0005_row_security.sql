-- A customer sees its own rows only. The API connects as vouch_api, which owns nothing; vouch.customers says, for one
-- transaction, whose rows it may see: a comma-separated list of customer ids, '*' for all, empty for none.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vouch_api') THEN
        CREATE ROLE vouch_api LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
END
$$;

CREATE FUNCTION vouch_sees(p_customer_id integer) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE coalesce(current_setting('vouch.customers', true), '')
        WHEN '' THEN false
        WHEN '*' THEN true
        ELSE p_customer_id = ANY (string_to_array(current_setting('vouch.customers', true), ',')::integer[])
    END
$$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['site', 'asset', 'sensor', 'contract', 'contract_asset', 'asset_event', 'quarantine',
                             'asset_status', 'interval', 'asset_hour', 'assessment', 'model', 'anomaly_score',
                             'anomaly', 'alert', 'alert_transition', 'delivery'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own_customer ON %I USING (vouch_sees(customer_id))', t);
        EXECUTE format('GRANT SELECT ON %I TO vouch_api', t);
    END LOOP;
END
$$;

ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer FORCE ROW LEVEL SECURITY;
CREATE POLICY own_customer ON customer USING (vouch_sees(id));
GRANT SELECT ON customer TO vouch_api;

-- Models and their codes belong to nobody; whoever sees no machine of a model does not see the model either.
ALTER TABLE asset_model ENABLE ROW LEVEL SECURITY;
ALTER TABLE asset_model FORCE ROW LEVEL SECURITY;
CREATE POLICY own_machines ON asset_model USING (
    vouch_sees(NULL) OR EXISTS (SELECT FROM asset a WHERE a.model_id = asset_model.id));
ALTER TABLE code_map ENABLE ROW LEVEL SECURITY;
ALTER TABLE code_map FORCE ROW LEVEL SECURITY;
CREATE POLICY own_machines ON code_map USING (
    vouch_sees(NULL) OR EXISTS (SELECT FROM asset a WHERE a.model_id = code_map.model_id));
GRANT SELECT ON asset_model, code_map TO vouch_api;

-- Of a channel the API may know the name, never the URL, which carries secrets. A channel of every customer is seen by
-- whoever sees any.
ALTER TABLE channel ENABLE ROW LEVEL SECURITY;
ALTER TABLE channel FORCE ROW LEVEL SECURITY;
CREATE POLICY own_customer ON channel USING (
    CASE WHEN customer_id IS NULL THEN coalesce(current_setting('vouch.customers', true), '') <> ''
         ELSE vouch_sees(customer_id) END);
GRANT SELECT (id, name, customer_id) ON channel TO vouch_api;

-- Whether the schema is the one this release needs.
GRANT SELECT ON schema_migration TO vouch_api;

-- Quarantined messages of nobody known (customer_id is null) are seen by those who see everything.
DROP POLICY own_customer ON quarantine;
CREATE POLICY own_customer ON quarantine USING (
    CASE WHEN customer_id IS NULL THEN current_setting('vouch.customers', true) = '*' ELSE vouch_sees(customer_id) END);

-- Who a key belongs to; the API cannot read the key table itself.
CREATE FUNCTION vouch_principal(p_sha256 bytea)
RETURNS TABLE (id integer, name text, role text, all_customers boolean, customer_ids integer[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.name, p.role, p.all_customers,
           coalesce((SELECT array_agg(pc.customer_id ORDER BY pc.customer_id)
                     FROM principal_customer pc WHERE pc.principal_id = p.id), '{}')
    FROM api_key k JOIN principal p ON p.id = k.principal_id
    WHERE k.sha256 = p_sha256 AND k.revoked_at IS NULL
$$;

-- Readings are a hypertable without row security: they are reached through the sensor they belong to.
CREATE FUNCTION vouch_readings(p_series_id integer, p_from timestamptz, p_to timestamptz, p_limit integer)
RETURNS TABLE (at timestamptz, value double precision, quality smallint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.at, r.value, r.quality FROM reading r
    WHERE r.series_id = p_series_id AND r.at >= p_from AND r.at < p_to
      AND EXISTS (SELECT FROM sensor s WHERE s.id = p_series_id AND vouch_sees(s.customer_id))
    ORDER BY r.at LIMIT least(p_limit, 10000)
$$;

REVOKE ALL ON FUNCTION vouch_principal(bytea), vouch_readings(integer, timestamptz, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vouch_principal(bytea), vouch_readings(integer, timestamptz, timestamptz, integer) TO vouch_api;
