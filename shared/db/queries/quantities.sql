-- name: supersede
-- What is in force of the same amounts and says otherwise is so no longer.
UPDATE quantity q SET superseded_at = greatest(%(now)s, q.recorded_at)
FROM unnest(%(assets)s::integer[], %(contracts)s::text[], %(names)s::text[], %(starts)s::timestamptz[],
            %(ends)s::timestamptz[], %(values)s::numeric[], %(overs)s::numeric[], %(units)s::text[])
    AS n (asset_id, contract, name, start_at, end_at, value, over, unit)
WHERE q.superseded_at IS NULL AND q.asset_id IS NOT DISTINCT FROM n.asset_id
  AND q.contract IS NOT DISTINCT FROM n.contract AND q.name = n.name AND q.start_at = n.start_at
  AND q.end_at = n.end_at AND (q.value, q.over, q.unit) IS DISTINCT FROM (n.value, n.over, n.unit)
RETURNING q.id;

-- name: first
-- Names that nothing was delivered of so far: with their first row, silence of other times becomes a gap.
SELECT DISTINCT n.asset_id, n.contract
FROM unnest(%(assets)s::integer[], %(contracts)s::text[], %(names)s::text[]) AS n (asset_id, contract, name)
WHERE NOT EXISTS (
    SELECT FROM quantity q WHERE q.superseded_at IS NULL AND q.name = n.name
      AND q.asset_id IS NOT DISTINCT FROM n.asset_id AND q.contract IS NOT DISTINCT FROM n.contract);

-- name: stated
-- What people stated of a sensor's hours; it goes before what the sensor says.
SELECT start_at, end_at FROM quantity
WHERE superseded_at IS NULL AND asset_id = %(asset)s AND contract IS NULL AND name = %(name)s
  AND start_at < %(end)s AND end_at > %(start)s AND source NOT LIKE 'sensor:%%';

-- name: insert
INSERT INTO quantity (customer_id, asset_id, contract, name, start_at, end_at, value, over, unit, recorded_at, source)
SELECT %(customer)s, n.asset_id, n.contract, n.name, n.start_at, n.end_at, n.value, n.over, n.unit, %(now)s, %(source)s
FROM unnest(%(assets)s::integer[], %(contracts)s::text[], %(names)s::text[], %(starts)s::timestamptz[],
            %(ends)s::timestamptz[], %(values)s::numeric[], %(overs)s::numeric[], %(units)s::text[])
    AS n (asset_id, contract, name, start_at, end_at, value, over, unit)
ON CONFLICT (asset_id, contract, name, start_at, end_at) WHERE superseded_at IS NULL DO NOTHING
RETURNING asset_id, contract, start_at, end_at;

-- name: overlapping_others
-- What is in force, shares time with one of these and is not the same stretch: it would be counted twice.
SELECT n.name, n.start_at, q.start_at AS other_start, q.end_at AS other_end
FROM unnest(%(assets)s::integer[], %(contracts)s::text[], %(names)s::text[], %(starts)s::timestamptz[],
            %(ends)s::timestamptz[]) AS n (asset_id, contract, name, start_at, end_at)
JOIN quantity q ON q.asset_id IS NOT DISTINCT FROM n.asset_id AND q.contract IS NOT DISTINCT FROM n.contract
    AND q.name = n.name AND q.start_at < n.end_at AND q.end_at > n.start_at
    AND (q.start_at, q.end_at) <> (n.start_at, n.end_at) AND q.superseded_at IS NULL
ORDER BY n.name, n.start_at LIMIT 10;

-- name: withdraw_hours
-- Hours of a sensor for which there is nothing to sum up any longer.
UPDATE quantity q SET superseded_at = greatest(%(now)s, q.recorded_at)
WHERE q.superseded_at IS NULL AND q.asset_id = %(asset)s AND q.name = %(name)s AND q.source = %(source)s
  AND q.start_at >= %(start)s AND q.start_at < %(end)s AND NOT q.start_at = ANY (%(starts)s::timestamptz[])
RETURNING q.asset_id, q.contract, q.start_at, q.end_at;

-- name: between
SELECT q.asset_id, q.name, q.start_at, q.end_at, q.value, q.over, q.unit
FROM quantity q
WHERE q.superseded_at IS NULL AND q.start_at < %(end)s AND q.end_at > %(start)s
  AND (q.asset_id = ANY (%(assets)s) OR (q.contract = %(contract)s AND q.customer_id = (
      SELECT customer_id FROM contract WHERE slug = %(contract)s LIMIT 1)))
ORDER BY q.asset_id, q.name, q.start_at;

-- name: known_names
-- From name to name through the index, as each has thousands of rows; the order names the contract, null or not, as
-- the index does.
WITH RECURSIVE named AS (
    SELECT a.asset_id, (
        SELECT q.name FROM quantity q
        WHERE q.superseded_at IS NULL AND q.asset_id = a.asset_id AND q.contract IS NULL
        ORDER BY q.contract, q.name LIMIT 1
    ) AS name
    FROM unnest(%(assets)s::integer[]) AS a (asset_id)
    UNION ALL
    SELECT n.asset_id, (
        SELECT q.name FROM quantity q
        WHERE q.superseded_at IS NULL AND q.asset_id = n.asset_id AND q.contract IS NULL AND q.name > n.name
        ORDER BY q.contract, q.name LIMIT 1
    )
    FROM named n WHERE n.name IS NOT NULL
)
SELECT asset_id, name FROM named WHERE name IS NOT NULL
UNION ALL
SELECT DISTINCT NULL::integer, q.name FROM quantity q
WHERE q.superseded_at IS NULL AND q.asset_id IS NULL AND q.contract = %(contract)s AND q.customer_id = (
    SELECT customer_id FROM contract WHERE slug = %(contract)s LIMIT 1);

-- name: mark
-- The timelines stay as they are, but what is judged by these facts does not.
INSERT INTO fact_mark (asset_id, contract, start_at, end_at)
SELECT asset_id, contract, min(start_at), max(end_at)
FROM unnest(%(assets)s::integer[], %(contracts)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    AS n (asset_id, contract, start_at, end_at)
GROUP BY asset_id, contract;

-- name: take_marks
DELETE FROM fact_mark WHERE id IN (SELECT id FROM fact_mark ORDER BY id FOR UPDATE SKIP LOCKED)
RETURNING asset_id, contract, start_at, end_at;

-- name: series
-- The series of assets that are measured quantities.
SELECT n.asset_id, n.id, n.customer_id, n.name AS sensor, n.unit AS sensor_unit, m.quantity AS name, m.quantity_as,
       m.quantity_unit AS unit
FROM sensor n
JOIN asset a ON a.id = n.asset_id
JOIN model_sensor m ON m.model_id = a.model_id AND m.name = n.name
WHERE n.asset_id = ANY (%(assets)s) AND m.quantity IS NOT NULL
ORDER BY n.id;

-- name: counted
-- The readings of [start, end) and the last one before, however long ago.
SELECT at, value FROM (
    (SELECT at, value FROM reading WHERE series_id = %(series)s AND at < %(start)s ORDER BY at DESC LIMIT 1)
    UNION ALL
    (SELECT at, value FROM reading WHERE series_id = %(series)s AND at >= %(start)s AND at < %(end)s)
) AS r ORDER BY at;

-- name: next_reading
SELECT min(at) AS at FROM reading WHERE series_id = %(series)s AND at >= %(end)s;

-- name: hours
SELECT at, weighted_mean, known_us FROM reading_hour
WHERE series_id = %(series)s AND at >= %(start)s AND at < %(end)s ORDER BY at;

-- name: await_hour
INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
SELECT %(asset)s, %(start)s, %(end)s, %(now)s
WHERE NOT EXISTS (SELECT FROM dirty_window WHERE asset_id = %(asset)s AND start_at = %(start)s);
