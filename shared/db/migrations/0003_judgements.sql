-- What follows from the facts: assessments, anomalies, alerts and their delivery.

-- The latest assessment of each guarantee and period; result is shared.model.Assessment as canonical JSON.
CREATE TABLE assessment (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id  integer NOT NULL REFERENCES customer,
    contract_id  integer NOT NULL REFERENCES contract,
    guarantee_id text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    as_of        timestamptz NOT NULL,
    verdict      text NOT NULL,
    result       jsonb NOT NULL,
    sha256       text NOT NULL,
    UNIQUE (contract_id, guarantee_id, period_start)
);

-- A trained detector: numbers only, so that loading one can execute nothing.
CREATE TABLE model (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id  integer NOT NULL REFERENCES customer,
    asset_id     integer NOT NULL REFERENCES asset,
    detector     text NOT NULL,
    trained_from timestamptz NOT NULL,
    trained_to   timestamptz NOT NULL,
    trained_at   timestamptz NOT NULL,
    parameters   jsonb NOT NULL,
    sha256       text NOT NULL,
    UNIQUE (asset_id, detector, sha256)
);

CREATE TABLE anomaly_score (
    asset_id    integer NOT NULL REFERENCES asset,
    at          timestamptz NOT NULL,
    customer_id integer NOT NULL REFERENCES customer,
    model_id    integer NOT NULL REFERENCES model,
    -- 1.0 = the threshold.
    score       double precision NOT NULL,
    contributions jsonb NOT NULL,
    PRIMARY KEY (asset_id, at)
);

-- A finding: one fault is one row. end_at null = still going on.
CREATE TABLE anomaly (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id   integer NOT NULL REFERENCES customer,
    asset_id      integer NOT NULL REFERENCES asset,
    model_id      integer NOT NULL REFERENCES model,
    start_at      timestamptz NOT NULL,
    end_at        timestamptz,
    peak_score    double precision NOT NULL,
    contributions jsonb NOT NULL,
    UNIQUE (asset_id, start_at)
);

CREATE TABLE alert (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    kind        text NOT NULL,
    -- What the alert is about, unique while open: 'contract/guarantee/period' or 'asset/<id>'.
    subject     text NOT NULL,
    asset_id    integer REFERENCES asset,
    contract_id integer REFERENCES contract,
    state       text NOT NULL CHECK (state IN ('open', 'closed')),
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz
);
CREATE UNIQUE INDEX alert_one_open ON alert (kind, subject) WHERE state = 'open';

CREATE TABLE alert_transition (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    alert_id    bigint NOT NULL REFERENCES alert,
    at          timestamptz NOT NULL,
    to_state    text NOT NULL CHECK (to_state IN ('open', 'closed')),
    reason      text NOT NULL,
    title       text NOT NULL,
    body        text NOT NULL
);

-- The outbox: written with the transition, marked delivered only after the channel took it.
CREATE TABLE delivery (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id     integer NOT NULL REFERENCES customer,
    transition_id   bigint NOT NULL REFERENCES alert_transition,
    channel_id      integer NOT NULL REFERENCES channel,
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    last_error      text,
    delivered_at    timestamptz,
    UNIQUE (transition_id, channel_id)
);
CREATE INDEX delivery_due ON delivery (next_attempt_at) WHERE delivered_at IS NULL;
