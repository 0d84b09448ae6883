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
-- Machines with a finding that still goes on and counts; and those for which one is an open alert. What an engineer
-- rejected, and what repeats it, counts for nothing.
WITH going_on AS (
    SELECT n.asset_id, n.start_at, n.peak_score, n.contributions,
           n.suppressed_by IS NOT NULL OR EXISTS (
               SELECT FROM vouch_review_of(n.asset_id, n.start_at, n.end_at) AS r WHERE r.verdict = 'rejected'
           ) AS is_dismissed
    FROM anomaly n WHERE n.end_at IS NULL
), candidate AS (
    SELECT asset_id FROM going_on WHERE NOT is_dismissed
    UNION
    SELECT asset_id FROM alert WHERE kind = 'anomaly' AND state = 'open' AND asset_id IS NOT NULL
)
SELECT a.id AS asset_id, a.customer_id, a.name AS asset, si.name AS site, cu.name AS customer, s.last_fact_at,
       f.start_at, f.peak_score, f.contributions, f.is_dismissed
FROM candidate
JOIN asset a ON a.id = candidate.asset_id
JOIN site si ON si.id = a.site_id
JOIN customer cu ON cu.id = a.customer_id
LEFT JOIN asset_status s ON s.asset_id = a.id
LEFT JOIN LATERAL (
    SELECT start_at, peak_score, contributions, is_dismissed FROM going_on
    WHERE asset_id = a.id ORDER BY is_dismissed, start_at LIMIT 1
) AS f ON true
ORDER BY a.id;

-- name: confirmed_or_alerted
-- Machines with a finding that still goes on and that an engineer confirmed; and those for which that is an open alert,
-- with what is said of what goes on now.
WITH going_on AS (
    SELECT n.asset_id, n.start_at, n.severity, n.peak_score, n.signature, r.verdict, r.label, r.note, r.reviewed_by
    FROM anomaly n
    LEFT JOIN LATERAL vouch_review_of(n.asset_id, n.start_at, n.end_at) AS r ON true
    WHERE n.end_at IS NULL AND n.suppressed_by IS NULL
), candidate AS (
    SELECT asset_id FROM going_on WHERE verdict = 'confirmed'
    UNION
    SELECT asset_id FROM alert WHERE kind = 'confirmed_anomaly' AND state = 'open' AND asset_id IS NOT NULL
)
SELECT a.id AS asset_id, a.customer_id, a.name AS asset, si.name AS site, cu.name AS customer, f.start_at, f.severity,
       f.peak_score, f.signature, f.verdict, f.label, f.note, f.reviewed_by
FROM candidate
JOIN asset a ON a.id = candidate.asset_id
JOIN site si ON si.id = a.site_id
JOIN customer cu ON cu.id = a.customer_id
LEFT JOIN LATERAL (
    SELECT * FROM going_on g WHERE g.asset_id = a.id
    ORDER BY g.verdict = 'confirmed' DESC NULLS LAST, g.start_at LIMIT 1
) AS f ON true
ORDER BY a.id;

-- name: noticed_or_alerted
-- The notices that are open, and those for which an alert is; with the latest prediction of the component. The subject
-- of such an alert ends with the notice's id.
WITH candidate AS (
    SELECT id FROM failure_notice WHERE state = 'open'
    UNION
    SELECT substring(subject FROM '[0-9]+$')::bigint FROM alert WHERE kind = 'predicted_failure' AND state = 'open'
)
SELECT a.id AS asset_id, a.customer_id, a.name AS asset, si.name AS site, cu.name AS customer, n.id AS notice_id,
       n.component, n.state, n.given_at, coalesce(p.at + p.p50_h * interval '1 hour', n.expected_at) AS expected_at,
       coalesce(p.latest_at, n.latest_at) AS latest_at, n.window_end, n.failed_at, n.reason AS notice_reason,
       p.at, p.method, p.p10_h, p.p50_h, p.p90_h, p.p_24h, p.p_7d, p.p_30d, p.health, p.reason, p.evidence,
       coalesce((m.prognosis ->> 'every_us')::bigint, 0) AS every_us,
       (SELECT array_agg(cause) FROM jsonb_array_elements(m.prognosis -> 'components') AS k
        CROSS JOIN jsonb_array_elements_text(k -> 'causes') AS cause WHERE k ->> 'name' = n.component) AS causes
FROM candidate
JOIN failure_notice n ON n.id = candidate.id
JOIN asset a ON a.id = n.asset_id
JOIN asset_model m ON m.id = a.model_id
JOIN site si ON si.id = a.site_id
JOIN customer cu ON cu.id = a.customer_id
CROSS JOIN LATERAL (
    SELECT * FROM prediction p WHERE p.asset_id = n.asset_id AND p.component = n.component ORDER BY p.at DESC LIMIT 1
) AS p
ORDER BY a.id, expected_at, n.component, n.id;

-- name: repairs
-- How long stops with these causes lasted that are over: of the machine itself, and of all of its model that the same
-- customer has. What others' machines did is not the customer's to know.
WITH stop AS (
    SELECT i.asset_id = %(asset_id)s AS is_own, (extract(epoch FROM i.end_at - i.start_at) / 3600)::float8 AS hours
    FROM asset own
    JOIN asset a ON a.model_id = own.model_id AND a.customer_id = own.customer_id
    JOIN interval i ON i.asset_id = a.id
    WHERE own.id = %(asset_id)s AND i.cause = ANY (%(causes)s::text[])
      AND EXISTS (SELECT FROM interval n WHERE n.asset_id = i.asset_id AND n.start_at >= i.end_at)
)
SELECT count(*) AS count, percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) AS hours,
       count(*) FILTER (WHERE is_own) AS own_count,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) FILTER (WHERE is_own) AS own_hours
FROM stop;
