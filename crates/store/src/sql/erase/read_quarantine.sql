-- $1 the last message that was looked at, $2 messages at most, with their bodies.
SELECT uuid, body, reason, origin
FROM "prefix".aftersend_quarantine
WHERE uuid > $1
ORDER BY uuid
LIMIT $2
