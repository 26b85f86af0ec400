-- What is in the archive, as far as is known here.
SELECT (SELECT count(*) FROM "prefix".aftersend_archive_objects WHERE state IN ('verified', 'deleted')) AS objects,
       (SELECT coalesce(sum(bytes), 0)::bigint FROM "prefix".aftersend_archive_objects WHERE state IN ('verified', 'deleted')) AS bytes,
       (SELECT count(*) FROM "prefix".aftersend_archived_mails) AS mails,
       (SELECT count(*) FROM "prefix".aftersend_archived_mails WHERE removed_at IS NOT NULL) AS removed,
       (SELECT count(*) FROM "prefix".aftersend_late_events) AS late_events
