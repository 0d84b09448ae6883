-- Who and what there is: customers, sites, models, assets, sensors, contracts, principals.

CREATE TABLE customer (
    id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    name text NOT NULL
);

CREATE TABLE site (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    slug        text NOT NULL,
    name        text NOT NULL,
    UNIQUE (customer_id, slug)
);

CREATE TABLE asset_model (
    id                integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug              text NOT NULL UNIQUE,
    name              text NOT NULL,
    -- How long one telemetry sample vouches for the state of the machine.
    telemetry_hold_us bigint NOT NULL CHECK (telemetry_hold_us > 0),
    -- Rules over telemetry that name a category (list of shared.model.StateRule), first match wins.
    state_rules       jsonb NOT NULL DEFAULT '[]',
    -- Settings of the anomaly detector (shared.model.DetectorSettings), null = not watched.
    detector          jsonb
);

-- The reading of a model's codes: what a code is, and who answers for it.
CREATE TABLE code_map (
    model_id integer NOT NULL REFERENCES asset_model,
    code     text NOT NULL,
    category text NOT NULL,
    cause    text NOT NULL,
    party    text NOT NULL,
    note     text NOT NULL DEFAULT '',
    PRIMARY KEY (model_id, code)
);

CREATE TABLE asset (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id     integer NOT NULL REFERENCES customer,
    site_id         integer NOT NULL REFERENCES site,
    model_id        integer NOT NULL REFERENCES asset_model,
    slug            text NOT NULL,
    name            text NOT NULL,
    -- Silence after which the account team is told; null = never (recorded data).
    silent_after_s  integer CHECK (silent_after_s > 0),
    -- The declared healthy window the anomaly detector is trained on.
    healthy_from    timestamptz,
    healthy_to      timestamptz CHECK (healthy_to > healthy_from),
    UNIQUE (site_id, slug)
);
CREATE INDEX asset_customer ON asset (customer_id);

-- A sensor is one series of readings.
CREATE TABLE sensor (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id   integer NOT NULL REFERENCES customer,
    asset_id      integer NOT NULL REFERENCES asset,
    name          text NOT NULL,
    unit          text NOT NULL,
    physical_low  double precision,
    physical_high double precision,
    expected_low  double precision,
    expected_high double precision,
    UNIQUE (asset_id, name)
);

-- One row a version; never updated.
CREATE TABLE contract (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    slug        text NOT NULL,
    version     integer NOT NULL CHECK (version > 0),
    valid_from  timestamptz NOT NULL,
    valid_to    timestamptz NOT NULL CHECK (valid_to > valid_from),
    source      text NOT NULL,
    sha256      text NOT NULL,
    stored_at   timestamptz NOT NULL,
    UNIQUE (slug, version)
);

CREATE TABLE contract_asset (
    contract_id integer NOT NULL REFERENCES contract,
    asset_id    integer NOT NULL REFERENCES asset,
    customer_id integer NOT NULL REFERENCES customer,
    PRIMARY KEY (contract_id, asset_id)
);
CREATE INDEX contract_asset_asset ON contract_asset (asset_id);

CREATE TABLE principal (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    role          text NOT NULL CHECK (role IN ('admin', 'service_engineer', 'account_manager', 'customer')),
    all_customers boolean NOT NULL DEFAULT false,
    CHECK (role <> 'customer' OR NOT all_customers)
);

CREATE TABLE principal_customer (
    principal_id integer NOT NULL REFERENCES principal ON DELETE CASCADE,
    customer_id  integer NOT NULL REFERENCES customer,
    PRIMARY KEY (principal_id, customer_id)
);

-- Only the SHA-256 of a key is kept; the prefix is what a person recognises it by.
CREATE TABLE api_key (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal_id integer NOT NULL REFERENCES principal ON DELETE CASCADE,
    prefix       text NOT NULL,
    sha256       bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);

-- Where alerts go: an apprise URL. A null customer means every customer.
CREATE TABLE channel (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    customer_id integer REFERENCES customer,
    url         text NOT NULL,
    kinds       text[] NOT NULL
);
