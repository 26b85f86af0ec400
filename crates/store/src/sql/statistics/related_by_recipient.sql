-- Other mails to a mail's recipients, those sent nearest to it first: $1 the mail, $2 and $3 from when to when, $4 rows at most, $5 how many
-- mails to look up by each recipient's address on either side of it, $6 when the mail was sent, $7 and $8 the first and the last uuid
-- to look up. aftersend_recipients_address_idx, which alone tells which mails these are, then the mails by their keys: a person's mails
-- lie in as many places of the disk.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT uuid, message_id::text, aws_message_id, "to"::text, "from"::text, subject::text, template_name,
       campaign_id::text, status, sent_at
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY(ARRAY(
          SELECT near.email_log_uuid
          FROM (
              SELECT address
              FROM "prefix".aftersend_recipients
              WHERE email_log_uuid = $1 AND listed
              ORDER BY address
              LIMIT $4
          ) AS recipient
          CROSS JOIN LATERAL (
              (
                  SELECT email_log_uuid
                  FROM "prefix".aftersend_recipients
                  WHERE address = recipient.address AND email_log_uuid < $1 AND email_log_uuid >= $7
                  ORDER BY email_log_uuid DESC
                  LIMIT $5
              )
              UNION ALL
              (
                  SELECT email_log_uuid
                  FROM "prefix".aftersend_recipients
                  WHERE address = recipient.address AND email_log_uuid > $1 AND email_log_uuid <= $8
                  ORDER BY email_log_uuid
                  LIMIT $5
              )
          ) AS near
      ))
  AND sent_at BETWEEN $2 AND $3
ORDER BY abs(extract(EPOCH FROM sent_at - $6::timestamptz)), uuid
LIMIT $4
