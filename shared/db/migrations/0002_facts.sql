-- What was reported and what it means: readings, events, quarantine, intervals, the availability cube.

CREATE TABLE reading (
    series_id integer NOT NULL,
    at        timestamptz NOT NULL,
    value     double precision NOT NULL,
    -- 0 good, 1 uncertain (outside the expected range)
    quality   smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (series_id, at)
);

-- As reported. kind 'state': holds until the asset's next state. kind 'interval': holds from start to end (null = still open).
CREATE TABLE asset_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    asset_id    integer NOT NULL REFERENCES asset,
    kind        text NOT NULL CHECK (kind IN ('state', 'interval')),
    code        text NOT NULL,
    text        text NOT NULL DEFAULT '',
    start_at    timestamptz NOT NULL,
    end_at      timestamptz,
    -- Order among events of the same instant, as the device numbers them.
    seq         bigint NOT NULL DEFAULT 0,
    received_at timestamptz NOT NULL,
    topic       text NOT NULL,
    payload     bytea NOT NULL,
    CHECK (end_at IS NULL OR end_at >= start_at),
    CHECK (kind = 'interval' OR end_at IS NULL),
    UNIQUE (asset_id, kind, start_at, seq, code)
);
CREATE INDEX asset_event_span ON asset_event (asset_id, start_at, end_at);
CREATE INDEX asset_event_open ON asset_event (asset_id) WHERE kind = 'interval' AND end_at IS NULL;

CREATE TABLE quarantine (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer REFERENCES customer,
    asset_id    integer REFERENCES asset,
    received_at timestamptz NOT NULL,
    topic       text NOT NULL,
    payload     bytea NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL
);
CREATE INDEX quarantine_received ON quarantine (received_at DESC, id DESC);

-- When ingest last heard of an asset, and how far analytics has carried its open states.
CREATE TABLE asset_status (
    asset_id      integer PRIMARY KEY REFERENCES asset,
    customer_id   integer NOT NULL REFERENCES customer,
    last_heard_at timestamptz,
    last_fact_at  timestamptz,
    carried_to    timestamptz
);
CREATE INDEX asset_status_heard ON asset_status (last_heard_at);

-- What must be derived again. A row is deleted in the transaction that saves what was derived.
CREATE TABLE dirty_window (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset_id integer NOT NULL REFERENCES asset,
    start_at timestamptz NOT NULL,
    end_at   timestamptz NOT NULL CHECK (end_at > start_at),
    marked_at timestamptz NOT NULL
);
CREATE INDEX dirty_window_asset ON dirty_window (asset_id);

-- The timeline: intervals of an asset never overlap; time without a row is information unavailable.
CREATE TABLE interval (
    customer_id integer NOT NULL REFERENCES customer,
    asset_id    integer NOT NULL REFERENCES asset,
    start_at    timestamptz NOT NULL,
    end_at      timestamptz NOT NULL CHECK (end_at > start_at),
    category    text NOT NULL,
    cause       text NOT NULL,
    party       text NOT NULL,
    -- The event that says so; null = a rule over telemetry.
    event_id    bigint,
    PRIMARY KEY (asset_id, start_at)
);

-- The additive cube from which any period is summed.
CREATE TABLE asset_hour (
    customer_id integer NOT NULL REFERENCES customer,
    asset_id    integer NOT NULL REFERENCES asset,
    hour        timestamptz NOT NULL,
    category    text NOT NULL,
    cause       text NOT NULL,
    party       text NOT NULL,
    duration_us bigint NOT NULL CHECK (duration_us > 0 AND duration_us <= 3600000000),
    PRIMARY KEY (asset_id, hour, category, cause, party)
);
