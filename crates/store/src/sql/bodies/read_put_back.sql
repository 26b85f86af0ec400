-- $1 mails: their bodies as they are now.
SELECT uuid, body_full FROM "prefix".phoenix_kit_email_logs WHERE uuid = ANY ($1)
