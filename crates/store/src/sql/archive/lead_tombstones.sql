-- $1 a mail from the archive, $2 the one here that it is: the tombstones lead there, but for the id in its column.
WITH of_column AS (
    DELETE FROM "prefix".aftersend_ids AS ids
    WHERE ids.email_log_uuid = $1
      AND ids.state = 'archived'
      AND ids.aws_message_id = (
          SELECT mail.aws_message_id FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.uuid = $2
      )
    RETURNING ids.aws_message_id
)
UPDATE "prefix".aftersend_ids AS ids
SET email_log_uuid = $2, state = 'alias'
WHERE ids.email_log_uuid = $1
  AND ids.state = 'archived'
  AND NOT EXISTS (
      SELECT
      FROM "prefix".phoenix_kit_email_logs AS mail
      WHERE mail.uuid = $2
        AND mail.aws_message_id = ids.aws_message_id
  )
