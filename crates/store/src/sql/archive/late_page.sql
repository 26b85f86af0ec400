-- $1 and $2 the last one that was looked at, $3 how many: late events, by mail. Primary key.
SELECT email_log_uuid, record, fingerprint, aws_message_id, event_data::text AS event_data, received_at
FROM "prefix".aftersend_late_events
WHERE (email_log_uuid, record) > ($1, $2)
ORDER BY email_log_uuid, record
LIMIT $3
