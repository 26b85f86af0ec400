-- $1 the object, verified, $2 its mails, $3 their digests, $4 their update times, $5 the numbers of their events. A mail
-- that was there before is there as it is now from here on; one that is gone from here stays as it went. In the order of uuids.
INSERT INTO "prefix".aftersend_archived_mails AS held (
    email_log_uuid, object_number, digest, mail_updated_at, events
)
SELECT mail.uuid, $1, mail.digest, mail.updated_at, mail.events
FROM unnest($2::uuid[], $3::bytea[], $4::timestamptz[], $5::int[]) AS mail (uuid, digest, updated_at, events)
ORDER BY mail.uuid
ON CONFLICT (email_log_uuid) DO UPDATE
SET object_number = excluded.object_number, digest = excluded.digest, mail_updated_at = excluded.mail_updated_at,
    events = excluded.events, archived_at = excluded.archived_at
WHERE held.removed_at IS NULL
