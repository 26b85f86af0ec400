-- The recipients' domains of the mails that were sent from $1 to before $2, of the templates $3 or of all where that is
-- NULL; those with the most bounces and complaints first, $4 at most. sent_at_idx, then the mails' recipients.
-- A mail that only its row tells of counts for the domain of its first recipient.
SELECT *
FROM (
    SELECT lower(split_part(coalesce(recipient.address, mail."to"), '@', -1)) AS domain,
           count(*) AS sent,
           count(*) FILTER (WHERE coalesce(recipient.delivered_at, bare.delivered_at) IS NOT NULL) AS delivered,
           count(*) FILTER (
               WHERE coalesce(recipient.hard_bounced_at, recipient.bounced_at, recipient.soft_bounced_at, bare.bounced_at)
                   IS NOT NULL
           ) AS bounced,
           count(*) FILTER (WHERE coalesce(recipient.complained_at, bare.complained_at) IS NOT NULL) AS complained
    FROM "prefix".phoenix_kit_email_logs AS mail
    LEFT JOIN "prefix".aftersend_recipients AS recipient ON recipient.email_log_uuid = mail.uuid
    -- The mail's own times, where it has no recipients.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN recipient.address IS NULL THEN mail.delivered_at END AS delivered_at,
               CASE WHEN recipient.address IS NULL THEN mail.bounced_at END AS bounced_at,
               CASE WHEN recipient.address IS NULL THEN mail.complained_at END AS complained_at
    ) AS bare
    WHERE mail.sent_at >= $1
      AND mail.sent_at < $2
      AND ($3::text[] IS NULL OR mail.template_name = ANY($3::text[]))
      AND recipient.listed IS NOT FALSE
      AND (recipient.address IS NOT NULL OR mail.aws_message_id IS NOT NULL OR mail.delivered_at IS NOT NULL
           OR mail.bounced_at IS NOT NULL OR mail.complained_at IS NOT NULL)
      AND CASE WHEN recipient.address IS NULL THEN mail.rejected_at IS NULL AND mail.failed_at IS NULL
               ELSE recipient.rejected_at IS NULL AND recipient.failed_at IS NULL END
    GROUP BY 1
) AS domain
ORDER BY bounced + complained DESC, sent DESC, domain
LIMIT $4
