-- $1 and $2 the last late event that was looked at, $3 rows at most, $4 patterns in lower case: those of the next that may
-- name the person, locked, since a run may be taking them. By primary key.
SELECT email_log_uuid, record, aws_message_id, event_data::text AS json
FROM "prefix".aftersend_late_events
WHERE (email_log_uuid, record) > ($1, $2)
  AND lower(event_data::text) LIKE ANY ($4::text[])
ORDER BY email_log_uuid, record
LIMIT $3
FOR UPDATE
