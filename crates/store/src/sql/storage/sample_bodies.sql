-- $1 per cent of the pages of mails: what their bodies are, and how long. No long body is read for that: its length stands in
-- its row. Whether one is stored elsewhere is looked up mail by mail, by the primary key.
SELECT count(*) AS mails,
       count(*) FILTER (WHERE bytes IS NOT NULL AND NOT body_compressed) AS plain,
       coalesce(sum(bytes) FILTER (WHERE NOT body_compressed), 0)::bigint AS plain_bytes,
       count(*) FILTER (WHERE bytes IS NOT NULL AND body_compressed) AS elsewhere,
       coalesce(sum(bytes) FILTER (WHERE body_compressed), 0)::bigint AS elsewhere_bytes,
       count(*) FILTER (WHERE bytes IS NULL AND body_compressed AND stored IS NULL) AS discarded,
       count(*) FILTER (WHERE bytes IS NULL AND NOT body_compressed) AS without
FROM (
    SELECT mail.body_compressed,
           octet_length(mail.body_full)::bigint AS bytes,
           CASE WHEN mail.body_compressed AND mail.body_full IS NULL
               THEN (SELECT body.bytes FROM "prefix".aftersend_bodies AS body WHERE body.email_log_uuid = mail.uuid)
           END AS stored
    FROM "prefix".phoenix_kit_email_logs AS mail TABLESAMPLE SYSTEM ($1) REPEATABLE (1)
) AS sampled
