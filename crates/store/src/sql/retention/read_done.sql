-- $1 the kind of thing, $2 seconds that an event may come late: since when it is to be looked for.
SELECT done_below - make_interval(secs => $2) AS since
FROM "prefix".aftersend_retention
WHERE kind = $1
