-- $1 mails; $2 their bodies.
UPDATE "prefix".phoenix_kit_email_logs AS m
SET body_full = back.body, body_compressed = false
FROM unnest($1::uuid[], $2::text[]) AS back (uuid, body)
WHERE m.uuid = back.uuid
