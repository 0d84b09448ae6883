-- Sparkplug B: which edge node or device speaks for which asset, and the sessions these have with this host.

CREATE TABLE sparkplug_source (
    -- Grows with every change: a source that speaks for another asset is another row.
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    asset_id    integer NOT NULL UNIQUE REFERENCES asset,
    group_id    text NOT NULL,
    node_id     text NOT NULL,
    -- Empty: the edge node itself.
    device_id   text NOT NULL,
    UNIQUE (group_id, node_id, device_id)
);
ALTER TABLE sparkplug_source ENABLE ROW LEVEL SECURITY;
ALTER TABLE sparkplug_source FORCE ROW LEVEL SECURITY;
CREATE POLICY own_customer ON sparkplug_source USING (vouch_sees(customer_id));
GRANT SELECT ON sparkplug_source TO vouch_api;

-- An edge node may serve machines of several customers: what follows is nobody's, and not for the API.
CREATE TABLE sparkplug_node (
    group_id text NOT NULL,
    node_id  text NOT NULL,
    -- Ties a death to its birth; null: the birth named none.
    bd_seq   bigint,
    -- The number of the message that comes next; null: unknown.
    expected smallint CHECK (expected BETWEEN 0 AND 255),
    -- Since when another birth is needed; null: it is not.
    rebirth_at timestamptz,
    PRIMARY KEY (group_id, node_id)
);

-- Who is born and not dead: a node (empty device_id) or a device of it.
CREATE TABLE sparkplug_birth (
    group_id  text NOT NULL,
    node_id   text NOT NULL,
    device_id text NOT NULL,
    -- What the birth declared: a list of [name, alias or null, data type, unit or null].
    metrics   jsonb NOT NULL,
    PRIMARY KEY (group_id, node_id, device_id),
    FOREIGN KEY (group_id, node_id) REFERENCES sparkplug_node
);
