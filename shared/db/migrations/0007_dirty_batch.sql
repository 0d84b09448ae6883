-- What one COMMIT of ingest touched, as one row however many machines it is of; a pass of analytics spreads it over
-- dirty_window. A row a machine would cost more than its readings where many machines send little.
CREATE TABLE dirty_batch (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    marked_at timestamptz NOT NULL,
    -- The windows [start_at, end_at) of assets; arrays of equal length.
    asset_id  integer[] NOT NULL,
    start_at  timestamptz[] NOT NULL,
    end_at    timestamptz[] NOT NULL
);

-- Everything that is to be derived again, spread or not.
CREATE VIEW dirty_mark AS
SELECT asset_id, start_at, end_at, marked_at FROM dirty_window
UNION ALL
SELECT m.asset_id, m.start_at, m.end_at, b.marked_at
FROM dirty_batch b, unnest(b.asset_id, b.start_at, b.end_at) AS m (asset_id, start_at, end_at);
