-- Bodies that stand nowhere else. Where an application has written another, that one counts.
SELECT count(*)
FROM "prefix".aftersend_bodies AS b
JOIN "prefix".phoenix_kit_email_logs AS m ON m.uuid = b.email_log_uuid
WHERE m.body_full IS NULL AND m.body_compressed
