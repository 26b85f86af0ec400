-- $1 mails. An application may have filled one in meanwhile.
UPDATE "prefix".phoenix_kit_email_logs
SET aftersend_derived = true
WHERE uuid = ANY($1)
  AND aftersend_derived IS NULL
  AND headers = '{}'
  AND body_full IS NULL
  AND body_preview IS NULL
  AND user_uuid IS NULL
