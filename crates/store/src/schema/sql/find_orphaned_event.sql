-- A row if the table has any.
SELECT FROM "prefix".phoenix_kit_email_orphaned_events LIMIT 1
