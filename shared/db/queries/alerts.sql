-- name: open_subjects
SELECT kind, subject FROM alert WHERE state = 'open';

-- name: open
-- The index alert_one_open decides: a second opening of what is open writes nothing.
INSERT INTO alert (customer_id, kind, subject, asset_id, contract_id, state, opened_at)
VALUES (%(customer_id)s, %(kind)s, %(subject)s, %(asset_id)s, %(contract_id)s, 'open', %(at)s)
ON CONFLICT (kind, subject) WHERE state = 'open' DO NOTHING
RETURNING id;

-- name: close
UPDATE alert SET state = 'closed', closed_at = %(at)s
WHERE kind = %(kind)s AND subject = %(subject)s AND state = 'open'
RETURNING id;

-- name: tell
-- The transition, and a delivery for each channel that wants to know.
WITH told AS (
    INSERT INTO alert_transition (customer_id, alert_id, at, to_state, reason, title, body)
    VALUES (%(customer_id)s, %(alert_id)s, %(at)s, %(to_state)s, %(reason)s, %(title)s, %(body)s)
    RETURNING id
)
INSERT INTO delivery (customer_id, transition_id, channel_id, next_attempt_at)
SELECT %(customer_id)s, told.id, c.id, %(at)s
FROM told, channel c
WHERE %(kind)s = ANY (c.kinds) AND (c.customer_id IS NULL OR c.customer_id = %(customer_id)s);

-- name: silent_or_alerted
-- Machines whose silence is due, by the index on when it is; and those whose silence is an open alert. Since when
-- somebody listens without a gap: null when nobody does, for ever where ingest has never said so.
WITH listening AS (
    SELECT CASE WHEN count(*) = 0 THEN timestamptz 'epoch'
                ELSE min(since_at) FILTER (WHERE beat_at >= %(gone)s) END AS since_at
    FROM ingest_heartbeat
), candidate AS (
    SELECT asset_id FROM asset_status WHERE silent_due_at < %(now)s
    UNION
    SELECT asset_id FROM alert WHERE kind = 'machine_silent' AND state = 'open' AND asset_id IS NOT NULL
)
SELECT a.id AS asset_id, a.customer_id, a.name AS asset, si.name AS site, cu.name AS customer, a.silent_after_s,
       s.last_heard_at, listening.since_at AS listening_since,
       (SELECT coalesce(array_agg(DISTINCT c.slug ORDER BY c.slug), '{}')
        FROM contract_asset ca JOIN contract c ON c.id = ca.contract_id
        WHERE ca.asset_id = a.id AND c.valid_from <= %(now)s AND c.valid_to > %(now)s) AS contracts
FROM candidate
CROSS JOIN listening
JOIN asset a ON a.id = candidate.asset_id
JOIN site si ON si.id = a.site_id
JOIN customer cu ON cu.id = a.customer_id
JOIN asset_status s ON s.asset_id = a.id
ORDER BY a.id;

-- name: anomalous_or_alerted
-- Machines with a finding that still goes on; and those for which one is an open alert.
WITH candidate AS (
    SELECT asset_id FROM anomaly WHERE end_at IS NULL
    UNION
    SELECT asset_id FROM alert WHERE kind = 'anomaly' AND state = 'open' AND asset_id IS NOT NULL
)
SELECT a.id AS asset_id, a.customer_id, a.name AS asset, si.name AS site, cu.name AS customer, s.last_fact_at,
       f.start_at, f.peak_score, f.contributions
FROM candidate
JOIN asset a ON a.id = candidate.asset_id
JOIN site si ON si.id = a.site_id
JOIN customer cu ON cu.id = a.customer_id
LEFT JOIN asset_status s ON s.asset_id = a.id
LEFT JOIN LATERAL (
    SELECT start_at, peak_score, contributions FROM anomaly
    WHERE asset_id = a.id AND end_at IS NULL ORDER BY start_at LIMIT 1
) AS f ON true
ORDER BY a.id;
