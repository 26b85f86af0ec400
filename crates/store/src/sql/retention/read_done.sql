-- $1 the kind of thing, $2 seconds that an event may come late: since when it is to be looked for, and the row's version.
SELECT done_below - make_interval(secs => $2) AS since, xmin::text::bigint AS version
FROM "prefix".aftersend_retention
WHERE kind = $1
