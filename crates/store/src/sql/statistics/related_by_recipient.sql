-- Other mails to a mail's recipients, those sent nearest to it first: $1 the mail, $2 and $3 from when to when, $4 rows at most, $5 how many
-- mails to look up by each recipient's address: the newest, $6 when the mail was sent. aftersend_recipients_address_idx, then the mails by their keys.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT uuid, message_id::text, aws_message_id, "to"::text, "from"::text, subject::text, template_name,
       campaign_id::text, status, sent_at
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY(ARRAY(
          SELECT newest.email_log_uuid
          FROM (
              SELECT address
              FROM "prefix".aftersend_recipients
              WHERE email_log_uuid = $1 AND listed
              ORDER BY address
              LIMIT $4
          ) AS recipient
          CROSS JOIN LATERAL (
              SELECT email_log_uuid
              FROM "prefix".aftersend_recipients
              WHERE address = recipient.address
              ORDER BY email_log_uuid DESC
              LIMIT $5
          ) AS newest
      ))
  AND uuid <> $1
  AND sent_at BETWEEN $2 AND $3
ORDER BY abs(extract(EPOCH FROM sent_at - $6::timestamptz)), uuid
LIMIT $4
