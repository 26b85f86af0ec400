-- $1 parked events that have found their mail, or the quarantine.
DELETE FROM "prefix".phoenix_kit_email_orphaned_events
WHERE uuid = ANY($1)
