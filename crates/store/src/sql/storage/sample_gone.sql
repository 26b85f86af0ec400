-- $1 per cent of the pages of SES ids, $2 of those of archived mails, $3 of those of late events: how many there are.
SELECT ids.archived, ids.deleted, ids.erased, ids.others, mails.gone, mails.here, events.late
FROM (
    SELECT count(*) FILTER (WHERE id.state = 'archived') AS archived,
           count(*) FILTER (WHERE id.state = 'deleted') AS deleted,
           count(*) FILTER (WHERE id.state = 'erased') AS erased,
           count(*) FILTER (WHERE id.state NOT IN ('archived', 'deleted', 'erased')) AS others
    FROM "prefix".aftersend_ids AS id TABLESAMPLE SYSTEM ($1) REPEATABLE (1)
) AS ids
CROSS JOIN (
    SELECT count(*) FILTER (WHERE mail.removed_at IS NOT NULL) AS gone,
           count(*) FILTER (WHERE mail.removed_at IS NULL) AS here
    FROM "prefix".aftersend_archived_mails AS mail TABLESAMPLE SYSTEM ($2) REPEATABLE (1)
) AS mails
CROSS JOIN (
    SELECT count(*) AS late
    FROM "prefix".aftersend_late_events AS event TABLESAMPLE SYSTEM ($3) REPEATABLE (1)
) AS events
