-- $1 mails, $2 records: late events that are with their mails now.
DELETE FROM "prefix".aftersend_late_events AS late
USING unnest($1::uuid[], $2::uuid[]) AS joined (email_log_uuid, record)
WHERE late.email_log_uuid = joined.email_log_uuid
  AND late.record = joined.record
