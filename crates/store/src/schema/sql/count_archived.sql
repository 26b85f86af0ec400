-- What is lost with the tables of step a8: mails that only the archive has, late events, figures of mails that are gone.
SELECT (SELECT count(*) FROM "prefix".aftersend_archived_mails WHERE removed_at IS NOT NULL),
       (SELECT count(*) FROM "prefix".aftersend_late_events),
       (SELECT count(*) FROM "prefix".aftersend_removed_figures)
