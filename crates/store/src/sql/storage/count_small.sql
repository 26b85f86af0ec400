-- $1 bytes: how many rows some tables have that are no larger than this; nothing of those that are.
SELECT CASE WHEN pg_catalog.pg_relation_size('"prefix".phoenix_kit_email_logs'::regclass) <= $1
           THEN (SELECT count(*) FROM "prefix".phoenix_kit_email_logs) END AS mails,
       CASE WHEN pg_catalog.pg_relation_size('"prefix".phoenix_kit_email_events'::regclass) <= $1
           THEN (SELECT count(*) FROM "prefix".phoenix_kit_email_events) END AS events,
       CASE WHEN pg_catalog.pg_relation_size('"prefix".aftersend_folded_events'::regclass) <= $1
           THEN (SELECT count(*) FROM "prefix".aftersend_folded_events) END AS folded,
       CASE WHEN pg_catalog.pg_relation_size('"prefix".aftersend_recipients'::regclass) <= $1
           THEN (SELECT count(*) FROM "prefix".aftersend_recipients) END AS recipients
