-- $1 a mail, locked, and all of its texts from now on; $14 whether nothing is left of it but what counts: then its SES ids
-- are tombstones, and no body comes back; $15 whether the body was compressed, and is no more.
UPDATE "prefix".phoenix_kit_email_logs
SET message_id = $2, "to" = $3, "from" = $4, subject = $5, headers = $6::text::jsonb, message_tags = $7::text::jsonb,
    body_full = $8, body_preview = $9, template_name = $10, campaign_id = $11, configuration_set = $12,
    error_message = $13,
    aws_message_id = CASE WHEN $14::boolean THEN NULL ELSE aws_message_id END,
    user_uuid = CASE WHEN $14::boolean THEN NULL ELSE user_uuid END,
    body_compressed = NOT $15::boolean AND (body_compressed OR ($14::boolean AND body_full IS NOT NULL)),
    updated_at = now()
WHERE uuid = $1
