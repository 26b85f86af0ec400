-- $1 the last removed event that was looked at, $2 rows at most, $3 patterns in lower case: those of the next that may name
-- the person.
WITH page AS MATERIALIZED (
    SELECT uuid, "row"::text AS json
    FROM "prefix".aftersend_removed_events
    WHERE uuid > $1
    ORDER BY uuid
    LIMIT $2
)
SELECT looked_at.rows, looked_at.last, named.uuid, named.json
FROM (SELECT count(*) AS rows, (SELECT uuid FROM page ORDER BY uuid DESC LIMIT 1) AS last FROM page) AS looked_at
LEFT JOIN page AS named ON lower(named.json) LIKE ANY ($3::text[])
ORDER BY named.uuid
