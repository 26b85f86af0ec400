-- What is lost with step a4.
SELECT count(*)
FROM "prefix".phoenix_kit_email_orphaned_events
WHERE aftersend_fingerprint IS NOT NULL
