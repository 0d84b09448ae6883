-- Which credentials devices hold. The secrets are at the broker and on the devices only.

CREATE TABLE device (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    asset_id    integer NOT NULL REFERENCES asset,
    -- What people call it; may be given again once it is revoked.
    name        text NOT NULL,
    -- Whom the broker takes it for: the name, or the common name of its certificate.
    username    text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('password', 'certificate')),
    created_at  timestamptz NOT NULL,
    rotated_at  timestamptz,
    revoked_at  timestamptz
);
CREATE UNIQUE INDEX device_name ON device (name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX device_username ON device (username) WHERE revoked_at IS NULL;
CREATE INDEX device_asset ON device (asset_id);

-- No page or route shows credentials: the API's role may not read them.
ALTER TABLE device ENABLE ROW LEVEL SECURITY;
ALTER TABLE device FORCE ROW LEVEL SECURITY;
CREATE POLICY own_customer ON device USING (vouch_sees(customer_id));
