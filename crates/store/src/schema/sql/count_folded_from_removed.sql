-- Folded events that are removed ones, whose rows stay where they are.
SELECT count(*)
FROM "prefix".aftersend_folded_events AS folded
JOIN "prefix".aftersend_removed_events AS removed
    ON removed.uuid = folded.uuid
    AND removed.email_log_uuid = folded.email_log_uuid
