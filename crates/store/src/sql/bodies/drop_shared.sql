-- $1 the last id that was looked at; $2 rows at most. Shared bodies that no mail has any more.
WITH looked_at AS (
    SELECT id FROM "prefix".aftersend_shared_bodies WHERE id > $1 ORDER BY id LIMIT $2
), dropped AS (
    DELETE FROM "prefix".aftersend_shared_bodies AS s
    USING looked_at
    WHERE s.id = looked_at.id
      AND NOT EXISTS (SELECT FROM "prefix".aftersend_bodies AS b WHERE b.shared_id = s.id)
    RETURNING s.id
)
SELECT (SELECT max(id) FROM looked_at) AS last, (SELECT count(*) FROM dropped) AS dropped
