-- $1 mails: when the earliest of their events occurred. email_log_uuid_idx, and the events that it leads to.
SELECT min(occurred_at)
FROM "prefix".phoenix_kit_email_events
WHERE email_log_uuid = ANY($1)
  AND isfinite(occurred_at)
