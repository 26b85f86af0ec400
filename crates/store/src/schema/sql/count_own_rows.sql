-- What is lost with the tables of step a1.
SELECT (SELECT count(*) FROM "prefix".aftersend_folded_events),
       (SELECT count(*) FROM "prefix".aftersend_ids),
       (SELECT count(*) FROM "prefix".aftersend_quarantine)
