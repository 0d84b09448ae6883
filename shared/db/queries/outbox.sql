-- name: take
-- The delivery due longest, locked until it is marked; never one whose alert has an earlier message for the channel.
SELECT d.id, d.attempts, t.at, t.title, t.body, t.to_state, c.name AS channel, c.url
FROM delivery d
JOIN alert_transition t ON t.id = d.transition_id
JOIN channel c ON c.id = d.channel_id
WHERE d.delivered_at IS NULL AND d.next_attempt_at <= %(now)s
  AND NOT EXISTS (
    SELECT FROM delivery earlier
    JOIN alert_transition et ON et.id = earlier.transition_id
    WHERE et.alert_id = t.alert_id AND et.id < t.id
      AND earlier.channel_id = d.channel_id AND earlier.delivered_at IS NULL)
ORDER BY d.next_attempt_at, d.id
FOR UPDATE OF d SKIP LOCKED
LIMIT 1;

-- name: delivered
UPDATE delivery SET delivered_at = %(now)s, attempts = attempts + 1, last_error = NULL WHERE id = %(id)s;

-- name: failed
UPDATE delivery SET attempts = attempts + 1, last_error = %(error)s, next_attempt_at = %(next_attempt_at)s
WHERE id = %(id)s;

-- name: pending
-- A message behind an earlier one of its alert is not due before that one: its own time does not count.
SELECT coalesce(sum(waiting), 0)::bigint AS pending, min(due_at) AS next_attempt_at
FROM (
    SELECT DISTINCT ON (t.alert_id, d.channel_id) d.next_attempt_at AS due_at,
           count(*) OVER (PARTITION BY t.alert_id, d.channel_id) AS waiting
    FROM delivery d JOIN alert_transition t ON t.id = d.transition_id
    WHERE d.delivered_at IS NULL
    ORDER BY t.alert_id, d.channel_id, t.id
) AS head;
