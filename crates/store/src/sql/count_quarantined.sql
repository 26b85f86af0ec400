-- Arguments as the first of list_quarantine.
SELECT count(*) AS messages, min(first_received_at) AS oldest_received_at
FROM "prefix".aftersend_quarantine
WHERE uuid < $1
  AND ($2::text IS NULL OR feed = $2)
  AND ($3::text IS NULL OR reason ILIKE $3)
  AND ($4::uuid[] IS NULL OR uuid = ANY ($4))
