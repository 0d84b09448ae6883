-- name: final
SELECT contract_id, array_agg(DISTINCT period_start) AS starts FROM assessment WHERE as_of = period_end AND entry IS NOT NULL
GROUP BY contract_id;

-- name: withdraw
DELETE FROM assessment WHERE contract_id = %(contract_id)s AND period_start = %(period_start)s;

-- name: entries
-- What the ledger keeps of a version's assessments, and the settlement as it is said.
SELECT guarantee_id, period_start, entry::text AS entry, result -> 'settlement' AS settlement
FROM assessment WHERE contract_id = %(contract_id)s AND entry IS NOT NULL;

-- name: documents
SELECT a.guarantee_id, a.period_start, a.result
FROM unnest(%(guarantees)s::text[], %(starts)s::timestamptz[]) AS n (guarantee_id, period_start)
JOIN assessment a ON a.contract_id = %(contract_id)s AND a.guarantee_id = n.guarantee_id
    AND a.period_start = n.period_start;

-- name: resettle
UPDATE assessment a SET result = n.result, sha256 = n.sha256
FROM unnest(%(guarantees)s::text[], %(starts)s::timestamptz[], %(results)s::jsonb[], %(sha256s)s::text[])
    AS n (guarantee_id, period_start, result, sha256)
WHERE a.contract_id = %(contract_id)s AND a.guarantee_id = n.guarantee_id AND a.period_start = n.period_start;

-- name: save
-- Rows are written only where the document differs.
INSERT INTO assessment (customer_id, contract_id, guarantee_id, period_start, period_end, as_of, verdict, result, sha256,
                        entry)
SELECT %(customer_id)s, %(contract_id)s, n.*
FROM unnest(%(guarantees)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(as_ofs)s::timestamptz[],
            %(verdicts)s::text[], %(results)s::jsonb[], %(sha256s)s::text[], %(entries)s::jsonb[])
    AS n (guarantee_id, period_start, period_end, as_of, verdict, result, sha256, entry)
ON CONFLICT (contract_id, guarantee_id, period_start) DO UPDATE
SET period_end = excluded.period_end, as_of = excluded.as_of, verdict = excluded.verdict, result = excluded.result,
    sha256 = excluded.sha256, entry = excluded.entry
WHERE assessment.sha256 <> excluded.sha256 OR assessment.entry IS NULL
RETURNING guarantee_id, period_start;
