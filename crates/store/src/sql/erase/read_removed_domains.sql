-- $1 and $2 the last row that was looked at, $3 rows at most, $4 patterns in lower case: of the next those of sums of
-- removed mails that may name the person; and how far that went. By primary key.
WITH page AS MATERIALIZED (
    SELECT starts_at, delta, template_names AS names, NULL::text[] AS links
    FROM "prefix".aftersend_removed_domains
    WHERE (starts_at, delta) > ($1, $2)
    ORDER BY starts_at, delta
    LIMIT $3
)
SELECT looked_at.rows, looked_at.last_at, looked_at.last_delta, named.starts_at, named.delta, named.names, named.links
FROM (
    SELECT count(*) AS rows, max(starts_at) AS last_at,
           (SELECT delta FROM page ORDER BY starts_at DESC, delta DESC LIMIT 1) AS last_delta
    FROM page
) AS looked_at
LEFT JOIN page AS named ON lower(concat_ws(' ', named.names::text, named.links::text)) LIKE ANY ($4::text[])
ORDER BY named.starts_at, named.delta
