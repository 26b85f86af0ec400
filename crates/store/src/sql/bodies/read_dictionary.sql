-- $1 the id.
SELECT packed, xmin::text::bigint AS row_version
FROM "prefix".aftersend_body_dictionaries
WHERE id = $1
