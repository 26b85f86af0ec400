-- Times stay: the message did not come again. Rows are locked in the order in which feeds write them.
WITH held AS (
    SELECT body_sha256, uuid
    FROM "prefix".aftersend_quarantine
    WHERE uuid = ANY ($1::uuid[])
    ORDER BY body_sha256
    FOR NO KEY UPDATE
)
UPDATE "prefix".aftersend_quarantine AS message
SET reason = refused.reason
FROM held
JOIN unnest($1::uuid[], $2::text[]) AS refused (uuid, reason) ON refused.uuid = held.uuid
WHERE message.body_sha256 = held.body_sha256
  AND message.reason <> refused.reason
