-- $1 types of events that tell what became of a mail, $2 mails to count at most. When the last of them happened, how long
-- ago that is by the database's clock, and how many mails SES has taken since. What was sent in the last quarter of an
-- hour may well be without news, and what is older than a week needs no count.
-- type_occurred_at_idx, as in seen_types.sql, and sent_at_idx.
SELECT last.at AS last_event_at,
       extract(epoch FROM now() - last.at)::float8 AS age_s,
       (
           SELECT count(*)
           FROM (
               SELECT
               FROM "prefix".phoenix_kit_email_logs
               WHERE sent_at > greatest(last.at, now() - interval '7 days')
                 AND sent_at < now() - interval '15 minutes'
                 AND (aws_message_id IS NOT NULL OR aftersend_derived)
               LIMIT $2
           ) AS since
       ) AS mails_since
FROM (
    SELECT max(newest.at) AS at
    FROM unnest($1::text[]) AS type (name)
    CROSS JOIN LATERAL (
        SELECT occurred_at AS at
        FROM "prefix".phoenix_kit_email_events
        WHERE event_type BETWEEN type.name AND type.name
        ORDER BY event_type DESC, occurred_at DESC
        LIMIT 1
    ) AS newest
) AS last
