-- $1 a dictionary; $2 ids of bodies that can't be read; $3 rows at most; $4 bytes of bodies after which none is added: some of
-- the shared bodies that were compressed with it, locked. The dictionary's index, then the primary key.
SELECT stored.id AS key, stored.digest, stored.bytes, stored.compressed
FROM (
    SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS bytes_before
    FROM (
        SELECT id, bytes
        FROM "prefix".aftersend_shared_bodies
        WHERE dictionary_id = $1
          AND id <> ALL ($2::int[])
        LIMIT $3
    ) AS few
) AS page
JOIN "prefix".aftersend_shared_bodies AS stored ON stored.id = page.id
WHERE page.bytes_before < $4::bigint
  AND stored.dictionary_id = $1
ORDER BY stored.id
FOR UPDATE OF stored
