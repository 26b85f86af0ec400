-- Of the removed rows: how many belong to no mail, and how many to one.
SELECT count(*) FILTER (WHERE mail.uuid IS NULL), count(mail.uuid)
FROM "prefix".aftersend_removed_events AS removed
LEFT JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = removed.email_log_uuid
