-- $1 an address, $2 mails to look at at most: the newest. In how many mails to it each thing befell it.
-- aftersend_recipients_address_idx.
SELECT count(*) AS seen,
       count(*) FILTER (WHERE listed) AS mails,
       count(*) FILTER (WHERE listed AND delayed_at IS NOT NULL) AS delayed,
       count(*) FILTER (WHERE listed AND soft_bounced_at IS NOT NULL) AS soft_bounced,
       count(*) FILTER (WHERE listed AND bounced_at IS NOT NULL) AS bounced,
       count(*) FILTER (WHERE listed AND delivered_at IS NOT NULL) AS delivered,
       count(*) FILTER (WHERE listed AND possibly_complained_at IS NOT NULL) AS possibly_complained,
       count(*) FILTER (WHERE listed AND not_tried_at IS NOT NULL) AS not_tried,
       count(*) FILTER (WHERE listed AND hard_bounced_at IS NOT NULL) AS hard_bounced,
       count(*) FILTER (WHERE listed AND failed_at IS NOT NULL) AS failed,
       count(*) FILTER (WHERE listed AND rejected_at IS NOT NULL) AS rejected,
       count(*) FILTER (WHERE listed AND complained_at IS NOT NULL) AS complained
FROM (
    SELECT *
    FROM "prefix".aftersend_recipients
    WHERE address = $1::text
    ORDER BY email_log_uuid DESC
    LIMIT $2
) AS recipient
