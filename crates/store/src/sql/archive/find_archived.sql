-- $1 an id as somebody pasted it, $2 the same as a uuid where it is such: the mail that is not here any more. Primary keys
-- and aftersend_archived_mails_message_id_idx.
SELECT found.uuid, found.state, object.name AS object, archived.archived_at, archived.removed_at,
       (SELECT count(*) FROM "prefix".aftersend_late_events AS late WHERE late.email_log_uuid = found.uuid) AS late_events
FROM (
    SELECT ids.email_log_uuid AS uuid, ids.state, 1 AS rank
    FROM "prefix".aftersend_ids AS ids
    WHERE ids.aws_message_id = $1
      AND ids.state IN ('archived', 'deleted', 'erased')
    UNION ALL
    -- What was deleted or erased on purpose says so by its tombstones, whatever was archived before.
    SELECT ids.email_log_uuid, ids.state, 2
    FROM "prefix".aftersend_ids AS ids
    WHERE ids.email_log_uuid = $2::uuid
      AND ids.state IN ('deleted', 'erased')
    UNION ALL
    SELECT archived.email_log_uuid, coalesce(buried.state, 'archived'), 3
    FROM "prefix".aftersend_archived_mails AS archived
    LEFT JOIN LATERAL (
        SELECT ids.state
        FROM "prefix".aftersend_ids AS ids
        WHERE ids.email_log_uuid = archived.email_log_uuid
          AND ids.state IN ('deleted', 'erased')
        LIMIT 1
    ) AS buried ON true
    WHERE archived.message_id = $1
      AND archived.removed_at IS NOT NULL
    UNION ALL
    SELECT archived.email_log_uuid, 'archived', 4
    FROM "prefix".aftersend_archived_mails AS archived
    WHERE archived.email_log_uuid = $2::uuid
      AND archived.removed_at IS NOT NULL
) AS found
LEFT JOIN "prefix".aftersend_archived_mails AS archived ON archived.email_log_uuid = found.uuid
LEFT JOIN "prefix".aftersend_archive_objects AS object ON object.number = archived.object_number
ORDER BY found.rank
LIMIT 1
