-- name: final
SELECT contract_id, array_agg(DISTINCT period_start) AS starts FROM assessment WHERE as_of = period_end GROUP BY contract_id;

-- name: withdraw
DELETE FROM assessment WHERE contract_id = %(contract_id)s AND period_start = %(period_start)s;

-- name: save
-- A row is written only when the document differs.
INSERT INTO assessment (customer_id, contract_id, guarantee_id, period_start, period_end, as_of, verdict, result, sha256)
VALUES (%(customer_id)s, %(contract_id)s, %(guarantee_id)s, %(period_start)s, %(period_end)s, %(as_of)s, %(verdict)s,
        %(result)s, %(sha256)s)
ON CONFLICT (contract_id, guarantee_id, period_start) DO UPDATE
SET period_end = excluded.period_end, as_of = excluded.as_of, verdict = excluded.verdict, result = excluded.result,
    sha256 = excluded.sha256
WHERE assessment.sha256 <> excluded.sha256;
