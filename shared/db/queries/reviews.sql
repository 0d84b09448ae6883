-- name: add
SELECT review_id, action
FROM vouch_review_finding(%(anomaly_id)s, %(verdict)s, %(label)s, %(note)s, %(by)s, %(at)s, %(principal_id)s, %(key)s);

-- name: withdraw
SELECT review_id, action FROM vouch_withdraw_review(%(id)s, %(by)s, %(at)s, %(principal_id)s, %(key)s);

-- name: listed
-- Within a window those that reach into it; without an end it goes on.
SELECT r.id, r.asset_id, r.start_at, r.end_at, r.signature, r.peak_score, r.detector, r.verdict, r.label, r.note,
       r.reviewed_by, r.reviewed_at, r.superseded_at, r.superseded_by
FROM finding_review r
WHERE (%(id)s::bigint IS NULL OR r.id = %(id)s) AND (%(asset_id)s::integer IS NULL OR r.asset_id = %(asset_id)s)
  AND (%(start)s::timestamptz IS NULL OR (r.end_at > %(start)s AND r.start_at < coalesce(%(end)s, timestamptz 'infinity')))
  AND (NOT %(in_force)s OR r.superseded_at IS NULL) AND r.id < %(before)s
ORDER BY r.id DESC LIMIT %(limit)s;

-- name: earlier
-- A finding, and the latest ones before it of machines of the same model.
SELECT n.id = said.id AS is_asked, n.id, n.asset_id, a.slug AS asset, n.start_at, n.end_at, n.peak_score, n.severity,
       n.detector, n.signature, r.verdict, r.label
FROM anomaly said
JOIN asset own ON own.id = said.asset_id
JOIN asset a ON a.model_id = own.model_id
JOIN anomaly n ON n.asset_id = a.id AND (n.start_at < said.start_at OR n.id = said.id)
LEFT JOIN LATERAL vouch_review_of(n.asset_id, n.start_at, n.end_at) r ON true
WHERE said.id = %(anomaly_id)s
ORDER BY n.start_at DESC, n.id DESC LIMIT %(limit)s;

-- name: precision
-- What people said counts by the finding's own time, whether or not scoring anew still finds it.
WITH found AS (
    SELECT n.detector, date_trunc('month', n.start_at, 'UTC') AS month,
           count(*) FILTER (WHERE n.suppressed_by IS NULL OR r.id IS NOT NULL) AS findings,
           count(*) FILTER (WHERE n.suppressed_by IS NOT NULL AND r.id IS NULL) AS suppressed,
           count(*) FILTER (WHERE n.suppressed_by IS NULL AND r.id IS NULL) AS unreviewed
    FROM anomaly n LEFT JOIN LATERAL vouch_review_of(n.asset_id, n.start_at, n.end_at) r ON true
    WHERE (%(asset_id)s::integer IS NULL OR n.asset_id = %(asset_id)s)
      AND n.start_at >= %(start)s AND n.start_at < %(end)s
    GROUP BY 1, 2
), said AS (
    SELECT r.detector, date_trunc('month', r.start_at, 'UTC') AS month,
           count(*) FILTER (WHERE r.verdict = 'confirmed') AS confirmed,
           count(*) FILTER (WHERE r.verdict = 'rejected') AS rejected
    FROM finding_review r
    WHERE r.superseded_at IS NULL AND (%(asset_id)s::integer IS NULL OR r.asset_id = %(asset_id)s)
      AND r.start_at >= %(start)s AND r.start_at < %(end)s
    GROUP BY 1, 2
)
SELECT detector, month, coalesce(findings, 0) AS findings, coalesce(suppressed, 0) AS suppressed,
       coalesce(confirmed, 0) AS confirmed, coalesce(rejected, 0) AS rejected, coalesce(unreviewed, 0) AS unreviewed
FROM found FULL JOIN said USING (detector, month)
ORDER BY detector, month;

-- name: repeated
-- The findings of assets with what was said of them.
SELECT n.asset_id, n.id, n.signature, n.peak_score, n.suppressed_by, n.start_at, r.verdict, r.id AS review_id
FROM anomaly n LEFT JOIN LATERAL vouch_review_of(n.asset_id, n.start_at, n.end_at) r ON true
WHERE n.asset_id = ANY (%(assets)s)
ORDER BY n.id;

-- name: rejected
SELECT asset_id, id, signature, peak_score, start_at FROM finding_review
WHERE asset_id = ANY (%(assets)s) AND verdict = 'rejected' AND superseded_at IS NULL
ORDER BY asset_id, reviewed_at, id;

-- name: with_rejections
SELECT asset_id FROM finding_review
WHERE asset_id = ANY (%(assets)s) AND verdict = 'rejected' AND superseded_at IS NULL
UNION
SELECT asset_id FROM anomaly WHERE asset_id = ANY (%(assets)s) AND suppressed_by IS NOT NULL;

-- name: suppress
UPDATE anomaly n SET suppressed_by = u.review_id
FROM unnest(%(ids)s::bigint[], %(reviews)s::bigint[]) AS u (id, review_id) WHERE n.id = u.id;
