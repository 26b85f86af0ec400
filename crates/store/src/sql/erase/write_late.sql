-- $1 mails and $2 records of late events, locked, and $3 what they say from now on.
UPDATE "prefix".aftersend_late_events AS late
SET event_data = kept.json::jsonb
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS kept (email_log_uuid, record, json)
WHERE late.email_log_uuid = kept.email_log_uuid
  AND late.record = kept.record
