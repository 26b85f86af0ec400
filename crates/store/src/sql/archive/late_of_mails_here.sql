-- $1 and $2 the last one that was looked at, $3 how many: late events whose ids no tombstone keeps from their mails any more.
-- Primary keys.
SELECT late.email_log_uuid, late.record, late.fingerprint, late.aws_message_id, late.event_data::text AS event_data,
       late.received_at
FROM "prefix".aftersend_late_events AS late
WHERE (late.email_log_uuid, late.record) > ($1, $2)
  AND NOT EXISTS (
      SELECT
      FROM "prefix".aftersend_ids AS ids
      WHERE ids.aws_message_id = late.aws_message_id
        AND ids.state = 'archived'
  )
ORDER BY late.email_log_uuid, late.record
LIMIT $3
