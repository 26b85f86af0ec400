-- $1 removed rows: events again, those whose mail is there and whose key is free. The mail is kept from being deleted
-- meanwhile. "columns" and "values" stand for the columns that the table has today, "defaults" for what rows get in
-- those that they did not have when they were removed.
WITH mail AS MATERIALIZED (
    SELECT uuid
    FROM "prefix".phoenix_kit_email_logs
    WHERE uuid IN (SELECT email_log_uuid FROM "prefix".aftersend_removed_events WHERE uuid = ANY($1))
    FOR KEY SHARE
), taken AS (
    DELETE FROM "prefix".aftersend_removed_events AS removed
    USING mail
    WHERE removed.uuid = ANY($1)
      AND removed.email_log_uuid = mail.uuid
      AND NOT EXISTS (SELECT FROM "prefix".phoenix_kit_email_events AS event WHERE event.uuid = removed.uuid)
    RETURNING removed."row"
)
INSERT INTO "prefix".phoenix_kit_email_events ("columns") OVERRIDING SYSTEM VALUE
SELECT "values"
FROM taken, jsonb_populate_record(
    NULL::"prefix".phoenix_kit_email_events, jsonb_build_object("defaults") || taken."row"
) AS event
