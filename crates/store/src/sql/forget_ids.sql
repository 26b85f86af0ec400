-- $1 SES ids, $2 the mails that they led to and that are gone. Nothing is taken from whoever was quicker: what leads
-- elsewhere by now stays. In the order of ids.
DELETE FROM "prefix".aftersend_ids AS ids
USING (
    SELECT held.aws_message_id
    FROM unnest($1::text[], $2::uuid[]) AS gone (aws_message_id, email_log_uuid)
    JOIN "prefix".aftersend_ids AS held
        ON held.aws_message_id = gone.aws_message_id
        AND held.email_log_uuid IS NOT DISTINCT FROM gone.email_log_uuid
    ORDER BY held.aws_message_id
    FOR UPDATE OF held
) AS locked
WHERE ids.aws_message_id = locked.aws_message_id
