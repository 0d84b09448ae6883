-- What a device sends and how it is known: units, payload formats, registration, connection, silence.

-- What a device reports is reported_unit (null: the unit itself); what is stored is reported * scale + offset, in unit.
ALTER TABLE sensor
    ADD COLUMN reported_unit   text,
    ADD COLUMN reported_scale  double precision NOT NULL DEFAULT 1 CHECK (reported_scale <> 0),
    ADD COLUMN reported_offset double precision NOT NULL DEFAULT 0;

-- The format the model's devices encode their payloads in (shared.model.payload.Format); null: told by the message.
ALTER TABLE asset_model ADD COLUMN payload_format text;

-- The sensors a model declares: what an asset that registers itself begins with. Nobody's rows, not for the API.
CREATE TABLE model_sensor (
    model_id        integer NOT NULL REFERENCES asset_model,
    name            text NOT NULL,
    unit            text NOT NULL,
    reported_unit   text,
    reported_scale  double precision NOT NULL CHECK (reported_scale <> 0),
    reported_offset double precision NOT NULL,
    physical_low    double precision,
    physical_high   double precision,
    expected_low    double precision,
    expected_high   double precision,
    PRIMARY KEY (model_id, name)
);
INSERT INTO model_sensor
SELECT DISTINCT ON (a.model_id, s.name) a.model_id, s.name, s.unit, s.reported_unit, s.reported_scale,
       s.reported_offset, s.physical_low, s.physical_high, s.expected_low, s.expected_high
FROM sensor s JOIN asset a ON a.id = s.asset_id
ORDER BY a.model_id, s.name, s.id DESC;

-- Which unknown assets become known by themselves. `most` 0 closes a rule.
CREATE TABLE registration_rule (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    customer_id    integer NOT NULL REFERENCES customer,
    site_id        integer NOT NULL REFERENCES site,
    model_id       integer NOT NULL REFERENCES asset_model,
    -- 'birth': a status that says online, a Sparkplug birth; 'telemetry': these and the first telemetry.
    accepts        text NOT NULL CHECK (accepts IN ('birth', 'telemetry')),
    -- Patterns of asset slugs with * and ?.
    slugs          text[] NOT NULL,
    learns_sensors boolean NOT NULL,
    most           integer NOT NULL CHECK (most >= 0),
    silent_after_s integer CHECK (silent_after_s > 0)
);

ALTER TABLE asset
    ADD COLUMN registered_at timestamptz,
    ADD COLUMN registered_by integer REFERENCES registration_rule,
    ADD CHECK ((registered_at IS NULL) = (registered_by IS NULL));
CREATE INDEX asset_registered ON asset (registered_by) WHERE registered_by IS NOT NULL;

-- Rises with every fleet file that is loaded, so that ingest sees what changed in one row.
CREATE TABLE fleet_version (number bigint NOT NULL);
INSERT INTO fleet_version VALUES (0);

-- The last statement of a device on its connection. Not in asset_status, whose rows every batch updates.
CREATE TABLE asset_connection (
    asset_id    integer PRIMARY KEY REFERENCES asset,
    customer_id integer NOT NULL REFERENCES customer,
    state       text NOT NULL CHECK (state IN ('online', 'offline')),
    -- The time the device wrote; null: one that cannot be.
    stated_at   timestamptz,
    -- The time it wrote when it last came online.
    online_at   timestamptz,
    received_at timestamptz NOT NULL
);

-- Losses of the connection, by which what was known before them ends.
CREATE INDEX asset_event_offline ON asset_event (asset_id, start_at) WHERE kind = 'interval' AND code = '$offline';

-- From when on an asset that stays unheard is silent; null: it may be silent. One range of one index finds the silent.
ALTER TABLE asset_status
    ADD COLUMN silent_due_at  timestamptz,
    -- When it was first heard after its latest silence.
    ADD COLUMN heard_again_at timestamptz;
UPDATE asset_status s SET silent_due_at = s.last_heard_at + a.silent_after_s * interval '1 second'
FROM asset a WHERE a.id = s.asset_id;
DROP INDEX asset_status_heard;
CREATE INDEX asset_status_silent ON asset_status (silent_due_at) WHERE silent_due_at IS NOT NULL;

-- Since when and until when somebody listened: silence while nobody did says nothing about a machine.
CREATE TABLE ingest_heartbeat (
    client_id   text PRIMARY KEY,
    -- Somebody has listened without a gap since; inherited from a process that was there before.
    since_at    timestamptz NOT NULL,
    beat_at     timestamptz NOT NULL CHECK (beat_at >= since_at),
    -- When the listening before that had ended.
    lost_at     timestamptz
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registration_rule', 'asset_connection'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own_customer ON %I USING (vouch_sees(customer_id))', t);
    END LOOP;
END
$$;
GRANT SELECT ON asset_connection TO vouch_api;
