-- Measured amounts and service tickets as facts beside the timeline; a cube of days instead of hours.

-- What was measured or counted over [start_at, end_at), in the unit it was reported in. At most one row of a stretch is
-- in force; one that another took the place of stays, with when.
CREATE TABLE quantity (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id   integer NOT NULL REFERENCES customer,
    -- Null: it is of a contract as a whole.
    asset_id      integer REFERENCES asset,
    contract      text CHECK ((contract IS NULL) <> (asset_id IS NULL)),
    name          text NOT NULL CHECK (name <> ''),
    start_at      timestamptz NOT NULL,
    end_at        timestamptz NOT NULL CHECK (end_at > start_at),
    -- Exact: value / over.
    value         numeric NOT NULL CHECK (value <> 'NaN' AND abs(value) <> 'Infinity'),
    over          numeric NOT NULL DEFAULT 1 CHECK (over > 0 AND over <> 'NaN' AND over <> 'Infinity'),
    unit          text NOT NULL,
    recorded_at   timestamptz NOT NULL,
    superseded_at timestamptz CHECK (superseded_at >= recorded_at),
    -- Where it comes from: 'sensor:<name>' of those we sum up ourselves, else the file or whoever said so.
    source        text NOT NULL
);
CREATE UNIQUE INDEX quantity_in_force ON quantity (asset_id, contract, name, start_at, end_at) NULLS NOT DISTINCT
    WHERE superseded_at IS NULL;

-- Requests for service. As with quantities, of each ticket the row that is in force and those before it.
CREATE TABLE ticket (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id   integer NOT NULL REFERENCES customer,
    -- Null: it is of a contract as a whole.
    asset_id      integer REFERENCES asset,
    contract      text CHECK ((contract IS NULL) <> (asset_id IS NULL)),
    -- As the service desk numbers it.
    number        text NOT NULL CHECK (number <> ''),
    priority      text NOT NULL,
    received_at   timestamptz NOT NULL,
    on_site_at    timestamptz CHECK (on_site_at >= received_at),
    restored_at   timestamptz CHECK (restored_at >= received_at),
    paused_us     bigint NOT NULL DEFAULT 0 CHECK (paused_us >= 0),
    recorded_at   timestamptz NOT NULL,
    superseded_at timestamptz CHECK (superseded_at >= recorded_at),
    source        text NOT NULL
);
CREATE UNIQUE INDEX ticket_in_force ON ticket (customer_id, number) WHERE superseded_at IS NULL;
CREATE INDEX ticket_asset ON ticket (asset_id, received_at);

-- Stretches of an asset, or of a contract as a whole, of which something other than the timeline became another: what is
-- judged by it is due. A row is deleted in the transaction that assesses it.
CREATE TABLE fact_mark (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset_id integer REFERENCES asset,
    contract text,
    start_at timestamptz NOT NULL,
    end_at   timestamptz NOT NULL CHECK (end_at > start_at)
);

-- What a contract calls its machines, and the parts of its lines.
ALTER TABLE contract_asset ADD COLUMN name text;
UPDATE contract_asset ca SET name = s.slug || '/' || a.slug
FROM asset a JOIN site s ON s.id = a.site_id WHERE a.id = ca.asset_id;
ALTER TABLE contract_asset ALTER COLUMN name SET NOT NULL, ADD UNIQUE (contract_id, name);

-- What the ledger keeps of an assessment (shared.contracts.entry); null: it is to be assessed again.
ALTER TABLE assessment ADD COLUMN entry jsonb;

-- Which series of a model are a measured quantity, and how: 'counter', 'rate' (per hour of its unit) or 'mean'.
ALTER TABLE model_sensor
    ADD COLUMN quantity      text,
    ADD COLUMN quantity_as   text CHECK (quantity_as IN ('counter', 'rate', 'mean')),
    ADD COLUMN quantity_unit text,
    ADD CHECK (num_nulls(quantity, quantity_as, quantity_unit) IN (0, 3));

-- The additive cube from which any period is summed: whole UTC days of it, the rest of a period from the timeline. A
-- twentieth of the rows of one of hours. Which assets there are is sure by where its rows come from, so that neither it
-- nor the timeline asks for each row.
CREATE TABLE asset_day (
    customer_id integer NOT NULL,
    asset_id    integer NOT NULL,
    day         timestamptz NOT NULL CHECK (day = date_bin('1 day', day, 'epoch')),
    category    text NOT NULL,
    cause       text NOT NULL,
    party       text NOT NULL,
    duration_us bigint NOT NULL CHECK (duration_us > 0 AND duration_us <= 86400000000),
    PRIMARY KEY (asset_id, day, category, cause, party)
);
INSERT INTO asset_day
SELECT customer_id, asset_id, date_bin('1 day', hour, 'epoch'), category, cause, party, sum(duration_us)
FROM asset_hour GROUP BY 1, 2, 3, 4, 5, 6;
DROP TABLE asset_hour;
-- All that a timeline of states is derived from lies in the index, in its order: no walk over the table for machines whose
-- events came between those of others.
ALTER TABLE asset_event
    DROP CONSTRAINT asset_event_asset_id_kind_start_at_seq_code_key,
    ADD CONSTRAINT asset_event_key UNIQUE (asset_id, kind, start_at, seq, code) INCLUDE (id, announced_at);
-- What ended in a window, in one range of an index.
CREATE INDEX asset_event_ended ON asset_event (asset_id, end_at) WHERE kind = 'interval' AND end_at IS NOT NULL;
ALTER TABLE interval DROP CONSTRAINT interval_asset_id_fkey, DROP CONSTRAINT interval_customer_id_fkey;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['quantity', 'ticket', 'asset_day'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own_customer ON %I USING (vouch_sees(customer_id))', t);
        EXECUTE format('GRANT SELECT ON %I TO vouch_api', t);
    END LOOP;
END
$$;
