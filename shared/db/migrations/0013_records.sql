-- What becomes of quarantined messages, which reported values were corrected, and how far a backfill has come.

-- What is needed to read a message again as it came, and what became of it. A part that is resolved stays as evidence.
ALTER TABLE quarantine
    ADD COLUMN content_type text,
    ADD COLUMN retained     boolean NOT NULL DEFAULT false,
    -- When a replay last tried it.
    ADD COLUMN attempted_at timestamptz,
    ADD COLUMN resolution   text CHECK (resolution IN ('replayed', 'discarded')),
    ADD COLUMN resolved_at  timestamptz,
    ADD COLUMN resolved_by  text,
    ADD COLUMN note         text,
    -- The same for all parts of a message, and short enough for an index whatever the payload.
    ADD COLUMN digest bigint NOT NULL
        GENERATED ALWAYS AS (hashtextextended(topic || encode(sha256(payload), 'hex'), 0)) STORED,
    ADD CONSTRAINT quarantine_resolved CHECK (
        num_nulls(resolution, resolved_at, resolved_by) IN (0, 3) AND (resolution <> 'discarded' OR note IS NOT NULL));
CREATE INDEX quarantine_message ON quarantine (digest, received_at);
CREATE INDEX quarantine_open ON quarantine (received_at DESC, id DESC) WHERE resolution IS NULL;

-- What people asked for through the API, and who; ingest carries replays out.
CREATE TABLE quarantine_request (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id     integer REFERENCES customer,
    quarantine_id   bigint NOT NULL REFERENCES quarantine ON DELETE CASCADE,
    action          text NOT NULL CHECK (action IN ('replay', 'discard')),
    note            text,
    principal_id    integer REFERENCES principal ON DELETE SET NULL,
    requested_by    text NOT NULL,
    idempotency_key text NOT NULL,
    requested_at    timestamptz NOT NULL,
    done_at         timestamptz,
    -- replayed, discarded or failing; null until done.
    outcome         text CHECK ((outcome IS NULL) = (done_at IS NULL)),
    UNIQUE (principal_id, idempotency_key)
);
CREATE INDEX quarantine_request_row ON quarantine_request (quarantine_id);
CREATE INDEX quarantine_request_waiting ON quarantine_request (id) WHERE done_at IS NULL;

-- What was reported first and corrected by an explicit backfill. One sequence numbers both kinds.
CREATE SEQUENCE correction_id AS bigint;
CREATE TABLE reading_superseded (
    id            bigint PRIMARY KEY DEFAULT nextval('correction_id'),
    customer_id   integer NOT NULL REFERENCES customer,
    asset_id      integer NOT NULL REFERENCES asset,
    series_id     integer NOT NULL,
    at            timestamptz NOT NULL,
    old_value     double precision NOT NULL,
    new_value     double precision NOT NULL,
    superseded_at timestamptz NOT NULL,
    reason        text NOT NULL,
    source        text NOT NULL,
    -- SHA-256 of the file: one content of a file corrects a reading once.
    source_sha256 bytea NOT NULL
);
CREATE INDEX reading_superseded_reading ON reading_superseded (series_id, at);
CREATE INDEX reading_superseded_asset ON reading_superseded (asset_id, id);
CREATE TABLE event_superseded (
    id            bigint PRIMARY KEY DEFAULT nextval('correction_id'),
    customer_id   integer NOT NULL REFERENCES customer,
    asset_id      integer NOT NULL REFERENCES asset,
    event_id      bigint NOT NULL REFERENCES asset_event ON DELETE CASCADE,
    old_end       timestamptz NOT NULL,
    new_end       timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    reason        text NOT NULL,
    source        text NOT NULL,
    source_sha256 bytea NOT NULL
);
CREATE INDEX event_superseded_event ON event_superseded (event_id);
CREATE INDEX event_superseded_asset ON event_superseded (asset_id, id);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['reading_superseded', 'event_superseded'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own_customer ON %I USING (vouch_sees(customer_id))', t);
        EXECUTE format('GRANT SELECT ON %I TO vouch_api', t);
    END LOOP;
END
$$;
-- Requests are answered by the function below and never read by the API.
ALTER TABLE quarantine_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE quarantine_request FORCE ROW LEVEL SECURITY;
CREATE POLICY own_customer ON quarantine_request USING (
    CASE WHEN customer_id IS NULL THEN current_setting('vouch.customers', true) = '*' ELSE vouch_sees(customer_id) END);

-- How far one content of a file has been stored under one reading of it; written with the rows it speaks of.
CREATE TABLE backfill_position (
    -- SHA-256 of what says how the file is read: its part of the mapping, and whether it corrects.
    reading_sha256 bytea NOT NULL,
    file           text NOT NULL,
    file_sha256    bytea NOT NULL,
    -- Rows below the header that are done.
    row_count      bigint NOT NULL CHECK (row_count >= 0),
    -- Of these, rows that were reported as bad and parts that were quarantined.
    refused_count  bigint NOT NULL CHECK (refused_count >= 0),
    is_done        boolean NOT NULL,
    noted_at       timestamptz NOT NULL,
    PRIMARY KEY (reading_sha256, file)
);

-- Note what someone asks for, once for each of their keys, and discard at once. No row: there is no such message for
-- the asker. `id` null: it is resolved already, as `outcome` says. The API's role can do this and nothing else.
CREATE FUNCTION vouch_quarantine_request(
    p_quarantine_id bigint, p_action text, p_note text, p_principal_id integer, p_key text, p_at timestamptz
)
RETURNS TABLE (id bigint, quarantine_id bigint, action text, requested_by text, requested_at timestamptz,
               done_at timestamptz, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held quarantine%ROWTYPE;
    noted bigint;
BEGIN
    SELECT * INTO held FROM quarantine q WHERE q.id = p_quarantine_id
        AND CASE WHEN q.customer_id IS NULL THEN current_setting('vouch.customers', true) = '*'
                 ELSE vouch_sees(q.customer_id) END
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT r.id INTO noted FROM quarantine_request r
        WHERE r.principal_id = p_principal_id AND r.idempotency_key = p_key;
    IF noted IS NULL AND held.resolution IS NOT NULL THEN
        RETURN QUERY SELECT NULL::bigint, held.id, p_action, held.resolved_by, NULL::timestamptz, held.resolved_at,
                            held.resolution;
        RETURN;
    END IF;
    IF noted IS NULL THEN
        INSERT INTO quarantine_request (customer_id, quarantine_id, action, note, principal_id, requested_by,
                                        idempotency_key, requested_at, done_at, outcome)
        SELECT held.customer_id, held.id, p_action, p_note, p.id, p.name, p_key, p_at,
               CASE p_action WHEN 'discard' THEN p_at END, CASE p_action WHEN 'discard' THEN 'discarded' END
        FROM principal p WHERE p.id = p_principal_id
        ON CONFLICT (principal_id, idempotency_key) DO NOTHING
        RETURNING quarantine_request.id INTO noted;
        IF noted IS NULL THEN
            -- Someone else's transaction has just noted the same key.
            SELECT r.id INTO noted FROM quarantine_request r
                WHERE r.principal_id = p_principal_id AND r.idempotency_key = p_key;
        ELSIF p_action = 'discard' THEN
            UPDATE quarantine q SET resolution = 'discarded', resolved_at = p_at, note = p_note,
                resolved_by = (SELECT r.requested_by FROM quarantine_request r WHERE r.id = noted)
            WHERE q.id = held.id;
        ELSE
            PERFORM pg_notify('vouch_replay', '');
        END IF;
    END IF;
    RETURN QUERY SELECT r.id, r.quarantine_id, r.action, r.requested_by, r.requested_at, r.done_at, r.outcome
        FROM quarantine_request r WHERE r.id = noted;
END
$$;
REVOKE ALL ON FUNCTION vouch_quarantine_request(bigint, text, text, integer, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vouch_quarantine_request(bigint, text, text, integer, text, timestamptz) TO vouch_api;
