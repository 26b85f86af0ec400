-- $1 duplicates, $2 the rows that stay in their places. The row that stays is kept from being deleted meanwhile, and
-- a duplicate that is none any more stays, too. What goes is kept whole.
WITH pair AS (
    SELECT *
    FROM unnest($1::uuid[], $2::uuid[]) AS pair (uuid, kept_uuid)
), kept AS MATERIALIZED (
    SELECT uuid, email_log_uuid, event_type, occurred_at
    FROM "prefix".phoenix_kit_email_events
    WHERE uuid = ANY($2)
    FOR KEY SHARE
), doomed AS MATERIALIZED (
    -- Two joins of two. The planner takes a join of all three for one row, and compares each with each.
    SELECT pair.uuid, kept.uuid AS kept_uuid, kept.email_log_uuid, kept.event_type, kept.occurred_at
    FROM pair
    JOIN kept ON kept.uuid = pair.kept_uuid
), removed AS (
    DELETE FROM "prefix".phoenix_kit_email_events AS event
    USING doomed
    WHERE event.uuid = doomed.uuid
      AND event.uuid = ANY($1)
      AND event.email_log_uuid = doomed.email_log_uuid
      AND event.event_type = doomed.event_type
      AND (event.event_type NOT IN ('open', 'click') OR event.occurred_at = doomed.occurred_at)
    RETURNING event.uuid, event.email_log_uuid, doomed.kept_uuid, to_jsonb(event) AS "row"
)
INSERT INTO "prefix".aftersend_removed_events (uuid, email_log_uuid, kept_uuid, step, "row")
SELECT uuid, email_log_uuid, kept_uuid, '137', "row"
FROM removed
ON CONFLICT (uuid) DO UPDATE
SET email_log_uuid = excluded.email_log_uuid,
    kept_uuid = excluded.kept_uuid,
    removed_at = excluded.removed_at,
    "row" = excluded."row"
