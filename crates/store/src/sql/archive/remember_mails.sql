-- $1 the object, verified, $2 its mails, $3 their digests, $4 their update times, $5 the numbers of their events. A mail
-- that was there before is there as it is now from here on; one that is gone from here stays as it went. One that has changed
-- since it was read is due again. In the order of uuids.
INSERT INTO "prefix".aftersend_archived_mails AS held (
    email_log_uuid, object_number, digest, mail_updated_at, events
)
SELECT mail.uuid, $1, mail.digest, mail.updated_at,
       CASE WHEN here.updated_at IS DISTINCT FROM mail.updated_at OR mail.events <> (
           SELECT count(*) FROM "prefix".phoenix_kit_email_events AS event WHERE event.email_log_uuid = mail.uuid
       ) + (
           SELECT count(*) FROM "prefix".aftersend_folded_events AS folded WHERE folded.email_log_uuid = mail.uuid
       ) THEN -1 ELSE mail.events END
FROM unnest($2::uuid[], $3::bytea[], $4::timestamptz[], $5::int[]) AS mail (uuid, digest, updated_at, events)
LEFT JOIN "prefix".phoenix_kit_email_logs AS here ON here.uuid = mail.uuid
ORDER BY mail.uuid
ON CONFLICT (email_log_uuid) DO UPDATE
SET object_number = excluded.object_number, digest = excluded.digest, here_digest = NULL,
    mail_updated_at = excluded.mail_updated_at, events = excluded.events, archived_at = excluded.archived_at
WHERE held.removed_at IS NULL
