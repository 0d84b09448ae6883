-- How long machines will last: the models that say so, what they said, and the notices of failure that were given.

-- What is foretold of the machines of a model (shared.fleet_model.Prognosis, times in microseconds); null: nothing.
ALTER TABLE asset_model ADD COLUMN prognosis jsonb;

-- A trained model of one purpose; a version is never changed but for its state and who promoted it. It may have learnt
-- from the machines of several customers, so that only those who see everything see it whole.
CREATE TABLE model_version (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset_model_id  integer NOT NULL REFERENCES asset_model,
    purpose         text NOT NULL CHECK (purpose IN ('remaining_life', 'failure_risk')),
    version         integer NOT NULL CHECK (version > 0),
    state           text NOT NULL CHECK (state IN ('challenger', 'champion', 'retired')),
    method          text NOT NULL,
    -- What it learnt from: nothing before the first and nothing after the second instant, so many rows, and the SHA-256
    -- of their canonical form.
    trained_from    timestamptz NOT NULL,
    trained_to      timestamptz NOT NULL CHECK (trained_to > trained_from),
    trained_at      timestamptz NOT NULL,
    data_sha256     text NOT NULL,
    rows            bigint NOT NULL CHECK (rows > 0),
    features        jsonb NOT NULL,
    -- What it and the champion of its time reached on the same data held back, lower is better.
    metrics         jsonb NOT NULL,
    calibration     jsonb NOT NULL,
    seed            bigint NOT NULL,
    -- In the format of skops, which names every type it holds and executes nothing; loaded only if its hash is this.
    artefact        bytea NOT NULL,
    artefact_sha256 text NOT NULL,
    -- Null: nobody yet.
    promoted_by     text,
    promoted_at     timestamptz,
    -- Why it stands as it does.
    reason          text NOT NULL,
    CHECK ((promoted_by IS NULL) = (promoted_at IS NULL)),
    UNIQUE (asset_model_id, purpose, version)
);
CREATE UNIQUE INDEX model_version_champion ON model_version (asset_model_id, purpose) WHERE state = 'champion';

-- When a training of a purpose was last tried and what came of it, so that a failed one waits before the next.
CREATE TABLE model_training (
    asset_model_id integer NOT NULL REFERENCES asset_model,
    purpose        text NOT NULL CHECK (purpose IN ('remaining_life', 'failure_risk')),
    tried_at       timestamptz NOT NULL,
    -- What was there to learn from.
    failures       integer NOT NULL CHECK (failures >= 0),
    -- How many tries failed in a row; 0: the last one came to an end.
    failed         integer NOT NULL CHECK (failed >= 0),
    outcome        text NOT NULL,
    PRIMARY KEY (asset_model_id, purpose)
);

-- How often components failed is asked for over and over: forced outages are few among all intervals.
CREATE INDEX interval_forced ON interval (asset_id, cause, start_at) WHERE category = 'FO';

-- What was foretold of a component at an instant, from what was known of the time up to it. Never changed.
CREATE TABLE prediction (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id      integer NOT NULL REFERENCES customer,
    asset_id         integer NOT NULL REFERENCES asset,
    component        text NOT NULL,
    at               timestamptz NOT NULL,
    -- Later than `at` by seconds, or by as long as the data came late.
    made_at          timestamptz NOT NULL CHECK (made_at >= at),
    method           text NOT NULL,
    -- Which model said so; whoever sees the prediction may know its name ('remaining_life@3 run_to_failure') and no more.
    model_version_id integer REFERENCES model_version,
    model_name       text CHECK ((model_name IS NULL) = (model_version_id IS NULL)),
    -- Quantiles of the remaining life in hours, and probabilities of a failure within a day, 7 and 30 days; null: nothing
    -- can be said.
    p10_h            double precision CHECK (p10_h >= 0),
    p50_h            double precision CHECK (p50_h >= p10_h),
    p90_h            double precision CHECK (p90_h >= p50_h),
    p_24h            double precision CHECK (p_24h BETWEEN 0 AND 1),
    p_7d             double precision CHECK (p_7d BETWEEN 0 AND 1),
    p_30d            double precision CHECK (p_30d BETWEEN 0 AND 1),
    -- 1 as new, 0 at the limit of failure.
    health           double precision CHECK (health BETWEEN 0 AND 1),
    -- By when the component should be seen to: before the P10.
    latest_at        timestamptz,
    reason           text NOT NULL,
    evidence         jsonb NOT NULL,
    UNIQUE (asset_id, component, at)
);

-- A failure that was foretold to the customer: once, until it is decided what became of it.
CREATE TABLE failure_notice (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id   integer NOT NULL REFERENCES customer,
    asset_id      integer NOT NULL REFERENCES asset,
    component     text NOT NULL,
    -- The instant of its prediction, and when it was really given, which is later where history is worked off.
    given_at      timestamptz NOT NULL,
    said_at       timestamptz NOT NULL CHECK (said_at >= given_at),
    prediction_id bigint NOT NULL REFERENCES prediction,
    expected_at   timestamptz,
    latest_at     timestamptz,
    -- A failure after this one is not the one foretold.
    window_end    timestamptz NOT NULL CHECK (window_end > given_at),
    state         text NOT NULL CHECK (state IN ('open', 'confirmed', 'averted', 'false')),
    decided_at    timestamptz CHECK ((decided_at IS NULL) = (state = 'open')),
    failed_at     timestamptz CHECK ((failed_at IS NULL) = (state <> 'confirmed')),
    reason        text NOT NULL,
    UNIQUE (asset_id, component, given_at)
);
CREATE UNIQUE INDEX failure_notice_open ON failure_notice (asset_id, component) WHERE state = 'open';

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['prediction', 'failure_notice'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own_customer ON %I USING (vouch_sees(customer_id))', t);
        EXECUTE format('GRANT SELECT ON %I TO vouch_api', t);
    END LOOP;
END
$$;

-- Of the registry everything but the artefacts, for those who see all customers.
ALTER TABLE model_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_version FORCE ROW LEVEL SECURITY;
CREATE POLICY of_nobody ON model_version USING (current_setting('vouch.customers', true) = '*');
GRANT SELECT (id, asset_model_id, purpose, version, state, method, trained_from, trained_to, trained_at, data_sha256,
              rows, features, metrics, calibration, seed, artefact_sha256, promoted_by, promoted_at, reason)
    ON model_version TO vouch_api;
ALTER TABLE model_training ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_training FORCE ROW LEVEL SECURITY;
CREATE POLICY of_nobody ON model_training USING (current_setting('vouch.customers', true) = '*');
GRANT SELECT ON model_training TO vouch_api;
