-- $1 the last id that was looked at; $2 rows at most; $3 the age in seconds below which one may be about to be used.
WITH looked_at AS (
    SELECT id FROM "prefix".aftersend_body_dictionaries
    WHERE id > $1 AND created_at < now() - make_interval(secs => $3)
    ORDER BY id
    LIMIT $2
), dropped AS (
    DELETE FROM "prefix".aftersend_body_dictionaries AS d
    USING looked_at
    WHERE d.id = looked_at.id
      AND NOT EXISTS (SELECT FROM "prefix".aftersend_bodies AS b WHERE b.dictionary_id = d.id)
      AND NOT EXISTS (SELECT FROM "prefix".aftersend_shared_bodies AS s WHERE s.dictionary_id = d.id)
    RETURNING d.id
)
SELECT (SELECT max(id) FROM looked_at) AS last, (SELECT count(*) FROM dropped) AS dropped
