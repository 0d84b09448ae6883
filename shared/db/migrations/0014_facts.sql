-- Facts: when each became known, what codes meant when, which source is believed, and what people say of them.

-- When the other party was told in advance; when the event first came, and when its end did. The last two null: with
-- the message of received_at. (Of events that were closed before this migration the first message's time is lost.)
ALTER TABLE asset_event
    ADD COLUMN announced_at      timestamptz,
    ADD COLUMN first_received_at timestamptz,
    ADD COLUMN end_received_at   timestamptz;

-- Which source of states goes before which (a list of lists of shared.model.facts.Source, the first first; null: the
-- usual order); the shortest interval event that counts; whether codes of state events are PackML states.
ALTER TABLE asset_model
    ADD COLUMN trust        jsonb,
    ADD COLUMN min_event_us bigint NOT NULL DEFAULT 0 CHECK (min_event_us >= 0),
    ADD COLUMN packml       boolean NOT NULL DEFAULT false;

-- What a code means from valid_from to the next valid_from of that code, as far as was recorded by recorded_at and until
-- superseded_at (null: to this day). Never updated but for superseded_at.
DROP POLICY own_machines ON code_map;
ALTER TABLE code_map RENAME TO code_version;
ALTER TABLE code_version
    DROP CONSTRAINT code_map_pkey,
    ADD COLUMN valid_from    timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN recorded_at   timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN superseded_at timestamptz;
CREATE UNIQUE INDEX code_version_in_force ON code_version (model_id, code, valid_from) WHERE superseded_at IS NULL;
CREATE INDEX code_version_history ON code_version (model_id, code);
CREATE POLICY own_machines ON code_version USING (
    vouch_sees(NULL) OR EXISTS (SELECT FROM asset a WHERE a.model_id = code_version.model_id));
-- What each code means at present.
CREATE VIEW code_map WITH (security_invoker = true) AS
SELECT DISTINCT ON (model_id, code) model_id, code, category, cause, party, note
FROM code_version WHERE superseded_at IS NULL AND valid_from <= now()
ORDER BY model_id, code, valid_from DESC;

-- An interval that people gave another meaning says by which reclassification, and what had been reported (all null:
-- nothing was known).
ALTER TABLE interval
    ADD COLUMN announced_at        timestamptz,
    ADD COLUMN reclassification_id bigint,
    ADD COLUMN reported_category   text,
    ADD COLUMN reported_cause      text,
    ADD COLUMN reported_party      text;

-- What somebody says an event, a part of one or any other stretch of a machine's time was. Never changed.
CREATE TABLE reclassification (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    asset_id    integer NOT NULL REFERENCES asset,
    event_id    bigint REFERENCES asset_event,
    start_at    timestamptz NOT NULL,
    end_at      timestamptz NOT NULL CHECK (end_at > start_at),
    category    text NOT NULL,
    cause       text NOT NULL,
    party       text NOT NULL,
    evidence    text NOT NULL CHECK (evidence <> ''),
    urls        text[] NOT NULL
);
CREATE INDEX reclassification_asset ON reclassification (asset_id, id);

-- What was done about it, in order; the first is the proposal, the last says how it stands. Never changed.
CREATE TABLE reclassification_step (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id         integer NOT NULL REFERENCES customer,
    reclassification_id bigint NOT NULL REFERENCES reclassification,
    status              text NOT NULL CHECK (status IN ('proposed', 'accepted', 'disputed', 'ruled', 'withdrawn')),
    -- What holds by this step: the proposed meaning where it was accepted, the ruled one; null: as it was reported.
    category            text,
    cause               text,
    party               text,
    at                  timestamptz NOT NULL,
    -- Who, for which side (shared.model.reclassification.Side), and why.
    by                  text NOT NULL,
    side                text NOT NULL,
    why                 text NOT NULL,
    principal_id        integer REFERENCES principal ON DELETE SET NULL,
    idempotency_key     text,
    CHECK (num_nulls(category, cause, party) IN (0, 3)),
    UNIQUE (principal_id, idempotency_key)
);
CREATE INDEX reclassification_step_order ON reclassification_step (reclassification_id, id);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['reclassification', 'reclassification_step'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own_customer ON %I USING (vouch_sees(customer_id))', t);
        EXECUTE format('GRANT SELECT ON %I TO vouch_api', t);
    END LOOP;
END
$$;
-- From when readings are kept; null: all are.
CREATE FUNCTION vouch_readings_from() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT dropped_before FROM retention WHERE what = 'readings'
$$;

-- Propose. Once for each key of a principal; the step that was noted under the key. No row: there is no such asset, or
-- no such event of it, for the asker. The API's role can do this and the next, and nothing else.
CREATE FUNCTION vouch_reclassify(
    p_asset_id integer, p_event_id bigint, p_start timestamptz, p_end timestamptz, p_category text, p_cause text,
    p_party text, p_evidence text, p_urls text[], p_by text, p_side text, p_principal_id integer, p_key text,
    p_at timestamptz
)
RETURNS TABLE (step_id bigint, reclassification_id bigint, status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held integer;
    proposed bigint;
BEGIN
    SELECT a.customer_id INTO held FROM asset a WHERE a.id = p_asset_id AND vouch_sees(a.customer_id);
    IF NOT FOUND OR (p_event_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM asset_event e WHERE e.id = p_event_id AND e.asset_id = p_asset_id)) THEN
        RETURN;
    END IF;
    -- One after the other, so that the same key is never noted twice.
    PERFORM pg_advisory_xact_lock(730052, p_principal_id);
    RETURN QUERY SELECT s.id, s.reclassification_id, s.status FROM reclassification_step s
        WHERE s.principal_id = p_principal_id AND s.idempotency_key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO reclassification (customer_id, asset_id, event_id, start_at, end_at, category, cause, party, evidence,
                                  urls)
    VALUES (held, p_asset_id, p_event_id, p_start, p_end, p_category, p_cause, p_party, p_evidence, p_urls)
    RETURNING id INTO proposed;
    RETURN QUERY INSERT INTO reclassification_step AS s (customer_id, reclassification_id, status, at, by, side, why,
                                                         principal_id, idempotency_key)
    VALUES (held, proposed, 'proposed', p_at, p_by, p_side, p_evidence, p_principal_id, p_key)
    RETURNING s.id, s.reclassification_id, s.status;
END
$$;

-- Accept, dispute, rule on or withdraw what stands as of step p_after. Once for each key of a principal; the step that
-- was noted under the key. No row: something else was done meanwhile. What the timeline says of the stretch follows.
CREATE FUNCTION vouch_reclassification_step(
    p_id bigint, p_after bigint, p_status text, p_category text, p_cause text, p_party text, p_why text, p_by text,
    p_side text, p_principal_id integer, p_key text, p_at timestamptz
)
RETURNS TABLE (step_id bigint, reclassification_id bigint, status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held reclassification%ROWTYPE;
BEGIN
    SELECT * INTO held FROM reclassification r WHERE r.id = p_id AND vouch_sees(r.customer_id) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(730052, p_principal_id);
    RETURN QUERY SELECT s.id, s.reclassification_id, s.status FROM reclassification_step s
        WHERE s.principal_id = p_principal_id AND s.idempotency_key = p_key;
    IF FOUND OR p_after IS DISTINCT FROM
            (SELECT max(s.id) FROM reclassification_step s WHERE s.reclassification_id = p_id) THEN
        RETURN;
    END IF;
    RETURN QUERY INSERT INTO reclassification_step AS s (customer_id, reclassification_id, status, category, cause, party,
                                                         at, by, side, why, principal_id, idempotency_key)
    VALUES (held.customer_id, p_id, p_status, p_category, p_cause, p_party, p_at, p_by, p_side, p_why, p_principal_id,
            p_key)
    RETURNING s.id, s.reclassification_id, s.status;
    INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
    VALUES (held.asset_id, date_trunc('minute', held.start_at),
            date_trunc('minute', held.end_at) + interval '1 minute', p_at);
    PERFORM pg_notify('vouch_dirty', '');
END
$$;

-- Readings as the bytes of int8 (microseconds since 2000) and float8 in network order, one row a series, with the values
-- that were corrected only after p_as_of as they were before.
CREATE FUNCTION vouch_readings_known(p_series integer[], p_from timestamptz, p_to timestamptz, p_as_of timestamptz)
RETURNS TABLE (series_id integer, at bytea, value bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH before AS (
        SELECT DISTINCT ON (s.series_id, s.at) s.series_id, s.at, s.old_value FROM reading_superseded s
        WHERE s.series_id = ANY (p_series) AND s.at >= p_from AND s.at < p_to AND s.superseded_at > p_as_of
        ORDER BY s.series_id, s.at, s.superseded_at, s.id
    )
    SELECT r.series_id, string_agg(timestamptz_send(r.at), ''::bytea),
           string_agg(float8send(coalesce(b.old_value, r.value)), ''::bytea)
    FROM reading r LEFT JOIN before b USING (series_id, at)
    WHERE r.series_id = ANY (p_series) AND r.at >= p_from AND r.at < p_to AND r.at <= p_as_of
      AND EXISTS (SELECT FROM sensor n WHERE n.id = r.series_id AND vouch_sees(n.customer_id))
    GROUP BY r.series_id
$$;

REVOKE ALL ON FUNCTION
    vouch_readings_from(),
    vouch_reclassify(integer, bigint, timestamptz, timestamptz, text, text, text, text, text[], text, text, integer, text,
                     timestamptz),
    vouch_reclassification_step(bigint, bigint, text, text, text, text, text, text, text, integer, text, timestamptz),
    vouch_readings_known(integer[], timestamptz, timestamptz, timestamptz)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    vouch_readings_from(),
    vouch_reclassify(integer, bigint, timestamptz, timestamptz, text, text, text, text, text[], text, text, integer, text,
                     timestamptz),
    vouch_reclassification_step(bigint, bigint, text, text, text, text, text, text, text, integer, text, timestamptz),
    vouch_readings_known(integer[], timestamptz, timestamptz, timestamptz)
TO vouch_api;
