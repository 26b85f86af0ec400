-- $1 mails from the archive, $2 SES ids, $3 their own ids: what is here under any of these, locked. In the order of uuids.
SELECT uuid, aws_message_id::text AS aws_message_id, message_id::text AS message_id
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY($1)
   OR aws_message_id = ANY($2)
   OR message_id = ANY($3)
   -- An array, since PostgreSQL combines indexes for these conditions only where none of them is a query of its own.
   OR uuid = ANY(ARRAY(
       SELECT ids.email_log_uuid
       FROM "prefix".aftersend_ids AS ids
       WHERE ids.aws_message_id = ANY($2)
         AND ids.state IN ('alias', 'created')
   ))
ORDER BY uuid
FOR UPDATE
