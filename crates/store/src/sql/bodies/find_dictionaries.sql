-- $1 the template, if any; $2 the month; $3 rows at most. The newest first.
SELECT id, packed, bytes, made_from, xmin::text::bigint AS row_version
FROM "prefix".aftersend_body_dictionaries
WHERE (template_name = $1 OR ($1::text IS NULL AND template_name IS NULL))
  AND month <= $2
ORDER BY month DESC, id DESC
LIMIT $3
