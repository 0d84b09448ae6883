-- name: insert
-- What was sent again after a crash is not noted again: :since is 'infinity' for what comes for the first time.
INSERT INTO quarantine (customer_id, asset_id, received_at, topic, payload, reason, detail)
SELECT n.customer_id, n.asset_id, %(received_at)s, n.topic, n.payload, n.reason, n.detail
FROM unnest(%(customer_id)s::integer[], %(asset_id)s::integer[], %(topic)s::text[], %(payload)s::bytea[],
            %(reason)s::text[], %(detail)s::text[]) WITH ORDINALITY
     AS n (customer_id, asset_id, topic, payload, reason, detail, place)
WHERE NOT EXISTS (SELECT FROM quarantine q
                  WHERE q.received_at >= %(since)s::timestamptz AND q.topic = n.topic AND q.reason = n.reason
                    AND q.detail = n.detail AND q.payload = n.payload)
ORDER BY n.place
