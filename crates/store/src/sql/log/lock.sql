-- $1 mails, $2 those of which a body is to be compared. In the order of uuids, like everything that locks mails; NO KEY,
-- as ingest has it. Hashes in place of bodies: nobody needs 40 MB to learn that they are the same.
SELECT uuid, message_id::text, aws_message_id::text, aftersend_derived IS TRUE AS derived, aftersend_logged AS logged,
       "to"::text, "from"::text, subject::text, template_name::text, campaign_id::text, configuration_set::text,
       message_tags::text AS message_tags, headers::text AS headers, status::text, sent_at, queued_at, inserted_at,
       attachments_count, size_bytes, locale::text, user_uuid, body_compressed,
       CASE WHEN uuid = ANY($2) THEN sha256(convert_to(body_full, 'UTF8')) END AS body_sha256,
       CASE WHEN uuid = ANY($2) THEN sha256(convert_to(body_preview, 'UTF8')) END AS preview_sha256
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY($1)
ORDER BY uuid
FOR NO KEY UPDATE
