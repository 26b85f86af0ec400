-- The recipients' domains of the mails that were sent in each bucket, by template: $1 the buckets' beginnings and behind
-- them the end of the last, $2 templates or NULL for all mails. sent_at_idx, then the mails' recipients.
-- A mail that only its row tells of counts for the domain of its first recipient. Both texts are in keys where this is
-- kept: no real one is longer than 255 characters.
SELECT width_bucket(mail.sent_at, $1::timestamptz[]) AS bucket,
       left(mail.template_name, 255) AS template_name,
       -- Of a mail itself as its application wrote it: `Ann <ann@example.com>`.
       left(lower(rtrim(split_part(coalesce(recipient.address, mail."to"), '@', -1), '> ')), 255) AS domain,
       count(*)::int AS sent,
       (count(*) FILTER (WHERE coalesce(recipient.delivered_at, bare.delivered_at) IS NOT NULL))::int AS delivered,
       (count(*) FILTER (
           WHERE coalesce(recipient.hard_bounced_at, recipient.bounced_at, recipient.soft_bounced_at, bare.bounced_at)
               IS NOT NULL
       ))::int AS bounced,
       (count(*) FILTER (WHERE coalesce(recipient.complained_at, bare.complained_at) IS NOT NULL))::int AS complained
FROM "prefix".phoenix_kit_email_logs AS mail
LEFT JOIN "prefix".aftersend_recipients AS recipient ON recipient.email_log_uuid = mail.uuid
-- The mail's own times, where it has no recipients.
CROSS JOIN LATERAL (
    SELECT CASE WHEN recipient.address IS NULL THEN mail.delivered_at END AS delivered_at,
           CASE WHEN recipient.address IS NULL THEN mail.bounced_at END AS bounced_at,
           CASE WHEN recipient.address IS NULL THEN mail.complained_at END AS complained_at
) AS bare
WHERE mail.sent_at >= ($1::timestamptz[])[1]
  AND mail.sent_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
  AND ($2::text[] IS NULL OR mail.template_name = ANY($2::text[]))
  AND recipient.listed IS NOT FALSE
  AND (recipient.address IS NOT NULL OR mail.aws_message_id IS NOT NULL OR mail.delivered_at IS NOT NULL
       OR mail.bounced_at IS NOT NULL OR mail.complained_at IS NOT NULL)
  AND CASE WHEN recipient.address IS NULL THEN mail.rejected_at IS NULL AND mail.failed_at IS NULL
           ELSE recipient.rejected_at IS NULL AND recipient.failed_at IS NULL END
GROUP BY 1, 2, 3
