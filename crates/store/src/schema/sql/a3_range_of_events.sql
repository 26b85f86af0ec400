-- $1 an event, $2 a number of events: the event that ends a range of so many. Read from the primary key alone.
SELECT uuid
FROM "prefix".phoenix_kit_email_events
WHERE $1::uuid IS NULL OR uuid > $1
ORDER BY uuid
OFFSET $2::bigint
LIMIT 1
