-- Rows are locked in the order in which feeds write them.
WITH dropped AS (
    SELECT body_sha256
    FROM "prefix".aftersend_quarantine
    WHERE uuid = ANY ($1::uuid[])
    ORDER BY body_sha256
    FOR UPDATE
)
DELETE FROM "prefix".aftersend_quarantine AS message
USING dropped
WHERE message.body_sha256 = dropped.body_sha256
