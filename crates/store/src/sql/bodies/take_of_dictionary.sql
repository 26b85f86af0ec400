-- $1 a dictionary; $2 mails whose bodies can't be read; $3 rows at most; $4 bytes of bodies after which none is added: some of
-- its bodies, locked. The dictionary's index, then the primary key.
SELECT stored.email_log_uuid AS key, stored.digest, stored.bytes, stored.compressed
FROM (
    SELECT email_log_uuid, sum(bytes) OVER (ORDER BY email_log_uuid) - bytes AS bytes_before
    FROM (
        SELECT email_log_uuid, bytes
        FROM "prefix".aftersend_bodies
        WHERE dictionary_id = $1
          AND email_log_uuid <> ALL ($2::uuid[])
        LIMIT $3
    ) AS few
) AS page
JOIN "prefix".aftersend_bodies AS stored ON stored.email_log_uuid = page.email_log_uuid
WHERE page.bytes_before < $4::bigint
  AND stored.dictionary_id = $1
ORDER BY stored.email_log_uuid
FOR UPDATE OF stored
