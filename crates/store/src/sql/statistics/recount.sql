-- What became of the mails that were sent in each bucket: $1 the buckets' beginnings and behind them the end of the last,
-- $2 templates or NULL for all mails, $3 whether to tell templates apart, $4 rows at most, those with the most
-- recipients first. sent_at_idx, then the mails' recipients, opens and clicks by their mails.
-- From events and times alone, never from the current status. Planned anew each time, so that the NULL folds.
WITH mail AS MATERIALIZED (
    SELECT uuid, width_bucket(sent_at, $1::timestamptz[]) AS bucket,
           CASE WHEN $3::boolean THEN template_name::text END AS template_name, sent_at,
           aws_message_id IS NOT NULL AS has_ses_id, delivered_at, opened_at, clicked_at, bounced_at, complained_at,
           rejected_at, failed_at, delayed_at
    FROM "prefix".phoenix_kit_email_logs
    WHERE sent_at >= ($1::timestamptz[])[1]
      AND sent_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
      AND ($2::text[] IS NULL OR template_name = ANY($2::text[]))
),
-- What is known of the mails' recipients. A mail that only its row tells of has none here.
told AS (
    SELECT mail.uuid,
           count(*) FILTER (WHERE listed) AS listed,
           count(*) FILTER (WHERE listed AND (rejected_at IS NOT NULL OR failed_at IS NOT NULL)) AS unsent,
           count(*) FILTER (WHERE listed AND rejected_at IS NOT NULL) AS rejected,
           count(*) FILTER (WHERE listed AND failed_at IS NOT NULL AND rejected_at IS NULL) AS failed,
           count(*) FILTER (WHERE listed AND delivered_at IS NOT NULL) AS delivered,
           count(*) FILTER (WHERE listed AND hard_bounced_at IS NOT NULL) AS hard_bounced,
           count(*) FILTER (WHERE listed AND bounced_at IS NOT NULL AND hard_bounced_at IS NULL) AS undetermined,
           count(*) FILTER (
               WHERE listed AND soft_bounced_at IS NOT NULL AND bounced_at IS NULL AND hard_bounced_at IS NULL
           ) AS soft_bounced,
           count(*) FILTER (WHERE listed AND not_tried_at IS NOT NULL) AS not_tried,
           count(*) FILTER (WHERE listed AND complained_at IS NOT NULL) AS complained,
           count(*) FILTER (
               WHERE listed AND possibly_complained_at IS NOT NULL AND complained_at IS NULL
           ) AS possibly_complained,
           count(*) FILTER (WHERE listed AND delayed_at IS NOT NULL) AS delayed,
           bool_or(delivered_at IS NOT NULL) AS tells_delivery,
           bool_or(
               hard_bounced_at IS NOT NULL OR bounced_at IS NOT NULL OR soft_bounced_at IS NOT NULL
               OR not_tried_at IS NOT NULL
           ) AS tells_bounce,
           bool_or(complained_at IS NOT NULL OR possibly_complained_at IS NOT NULL) AS tells_complaint,
           bool_or(rejected_at IS NOT NULL OR failed_at IS NOT NULL) AS tells_refusal,
           bool_or(delayed_at IS NOT NULL) AS tells_delay
    FROM (SELECT uuid FROM mail) AS mail
    JOIN "prefix".aftersend_recipients AS recipient ON recipient.email_log_uuid = mail.uuid
    GROUP BY mail.uuid
),
-- Bounces that only an application's events tell, whose JSON names no recipient.
bounce AS (
    SELECT mail.uuid,
           bool_or(is_tried AND event.bounce_type = 'hard') AS hard,
           bool_or(is_tried AND event.bounce_type = 'soft') AS soft,
           bool_or(is_tried) AS tried
    FROM (
        SELECT mail.uuid
        FROM mail
        LEFT JOIN told ON told.uuid = mail.uuid
        WHERE mail.bounced_at IS NOT NULL AND told.tells_bounce IS NOT TRUE
    ) AS mail
    JOIN "prefix".phoenix_kit_email_events AS event ON event.email_log_uuid = mail.uuid AND event.event_type = 'bounce'
    CROSS JOIN LATERAL (
        SELECT coalesce(event.aftersend_subtype, event.event_data->>'bounceSubType', '') <> ALL (ARRAY[
            'OnAccountSuppressionList', 'OnTenantSuppressionList', 'EmailValidationSuppressed', 'UnsubscribedRecipient'
        ]) AS is_tried
    ) AS verdict
    GROUP BY mail.uuid
),
-- Who opened and clicked: people, or what SES takes for a machine.
visit AS (
    SELECT mail.uuid,
           bool_or(visit.event_type = 'open' AND visit.bot_verdict = 'Likely') AS machine_opened,
           bool_or(visit.event_type = 'open' AND visit.bot_verdict IS DISTINCT FROM 'Likely') AS person_opened,
           bool_or(visit.event_type = 'click' AND visit.bot_verdict = 'Likely') AS machine_clicked,
           bool_or(visit.event_type = 'click' AND visit.bot_verdict IS DISTINCT FROM 'Likely') AS person_clicked,
           min(visit.occurred_at) FILTER (
               WHERE visit.event_type = 'open' AND visit.bot_verdict IS DISTINCT FROM 'Likely'
           ) AS person_opened_at
    FROM (SELECT uuid FROM mail WHERE opened_at IS NOT NULL OR clicked_at IS NOT NULL) AS mail
    CROSS JOIN LATERAL (
        SELECT event_type, aftersend_bot_verdict AS bot_verdict, occurred_at
        FROM "prefix".phoenix_kit_email_events
        WHERE email_log_uuid = mail.uuid AND event_type IN ('open', 'click')
        UNION ALL
        SELECT event_type, bot_verdict, occurred_at
        FROM "prefix".aftersend_folded_events
        WHERE email_log_uuid = mail.uuid AND event_type IN ('open', 'click')
    ) AS visit
    GROUP BY mail.uuid
),
-- A mail's own times stand in where no event names a recipient: then somebody, and nobody knows who, got or refused it.
counted AS (
    SELECT mail.bucket, mail.template_name, mail.sent_at,
           CASE WHEN told.uuid IS NOT NULL THEN told.listed
                WHEN mail.has_ses_id OR mail.delivered_at IS NOT NULL OR mail.bounced_at IS NOT NULL
                     OR mail.complained_at IS NOT NULL OR mail.opened_at IS NOT NULL OR mail.clicked_at IS NOT NULL
                     OR mail.delayed_at IS NOT NULL OR mail.rejected_at IS NOT NULL OR mail.failed_at IS NOT NULL THEN 1
                ELSE 0 END AS recipients,
           coalesce(told.unsent, 0) + (
               told.tells_refusal IS NOT TRUE AND (mail.rejected_at IS NOT NULL OR mail.failed_at IS NOT NULL)
           )::int AS unsent,
           coalesce(told.rejected, 0)
               + (told.tells_refusal IS NOT TRUE AND mail.rejected_at IS NOT NULL)::int AS rejected,
           coalesce(told.failed, 0)
               + (told.tells_refusal IS NOT TRUE AND mail.failed_at IS NOT NULL AND mail.rejected_at IS NULL)::int
               AS failed,
           coalesce(told.delivered, 0)
               + (told.tells_delivery IS NOT TRUE AND mail.delivered_at IS NOT NULL)::int AS delivered,
           coalesce(told.hard_bounced, 0) + (bounce.hard IS TRUE)::int AS hard_bounced,
           coalesce(told.soft_bounced, 0) + (bounce.soft IS TRUE AND bounce.hard IS NOT TRUE)::int AS soft_bounced,
           coalesce(told.undetermined, 0)
               + (bounce.tried IS TRUE AND bounce.hard IS NOT TRUE AND bounce.soft IS NOT TRUE)::int AS undetermined,
           coalesce(told.not_tried, 0) + (bounce.tried IS FALSE)::int AS not_tried,
           coalesce(told.complained, 0)
               + (told.tells_complaint IS NOT TRUE AND mail.complained_at IS NOT NULL)::int AS complained,
           coalesce(told.possibly_complained, 0) AS possibly_complained,
           coalesce(told.delayed, 0)
               + (told.tells_delay IS NOT TRUE AND mail.delayed_at IS NOT NULL)::int AS delayed,
           mail.delivered_at IS NOT NULL AS is_delivered,
           -- Whose events are gone is taken for a person's.
           mail.opened_at IS NOT NULL AND (visit.person_opened OR visit.machine_opened IS NOT TRUE) AS opened,
           mail.opened_at IS NOT NULL AND visit.machine_opened IS TRUE AND NOT visit.person_opened AS machine_opened,
           mail.clicked_at IS NOT NULL AND (visit.person_clicked OR visit.machine_clicked IS NOT TRUE) AS clicked,
           mail.clicked_at IS NOT NULL AND visit.machine_clicked IS TRUE AND NOT visit.person_clicked AS machine_clicked,
           CASE WHEN visit.person_opened THEN visit.person_opened_at
                WHEN visit.machine_opened IS NOT TRUE THEN mail.opened_at END AS person_opened_at
    FROM mail
    LEFT JOIN told ON told.uuid = mail.uuid
    LEFT JOIN bounce ON bounce.uuid = mail.uuid
    LEFT JOIN visit ON visit.uuid = mail.uuid
),
-- Below 1 s, 2 s, 4 s, … 48 days, and the rest: 0 to 23.
timed AS (
    SELECT counted.*,
           CASE WHEN person_opened_at >= sent_at THEN
               width_bucket(
                   extract(epoch FROM person_opened_at - sent_at)::float8,
                   ARRAY[
                       1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072,
                       262144, 524288, 1048576, 2097152, 4194304
                   ]::float8[]
               )
           END AS doublings
    FROM counted
)
SELECT bucket, template_name,
       count(*) FILTER (WHERE recipients > unsent) AS mails,
       coalesce(sum(recipients - unsent) FILTER (WHERE recipients > unsent), 0)::bigint AS sent,
       sum(delivered)::bigint AS delivered,
       sum(hard_bounced)::bigint AS hard_bounced,
       sum(soft_bounced)::bigint AS soft_bounced,
       sum(undetermined)::bigint AS undetermined_bounced,
       sum(not_tried)::bigint AS not_tried,
       sum(complained)::bigint AS complained,
       sum(possibly_complained)::bigint AS possibly_complained,
       sum(delayed)::bigint AS delayed,
       sum(rejected)::bigint AS rejected,
       sum(failed)::bigint AS failed,
       count(*) FILTER (WHERE is_delivered) AS delivered_mails,
       count(*) FILTER (WHERE opened) AS opened,
       count(*) FILTER (WHERE machine_opened) AS machine_opened,
       count(*) FILTER (WHERE clicked) AS clicked,
       count(*) FILTER (WHERE machine_clicked) AS machine_clicked,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM person_opened_at - sent_at)::float8)
           FILTER (WHERE person_opened_at >= sent_at) AS median_to_open_s,
       ARRAY[
           count(*) FILTER (WHERE doublings = 0), count(*) FILTER (WHERE doublings = 1),
           count(*) FILTER (WHERE doublings = 2), count(*) FILTER (WHERE doublings = 3),
           count(*) FILTER (WHERE doublings = 4), count(*) FILTER (WHERE doublings = 5),
           count(*) FILTER (WHERE doublings = 6), count(*) FILTER (WHERE doublings = 7),
           count(*) FILTER (WHERE doublings = 8), count(*) FILTER (WHERE doublings = 9),
           count(*) FILTER (WHERE doublings = 10), count(*) FILTER (WHERE doublings = 11),
           count(*) FILTER (WHERE doublings = 12), count(*) FILTER (WHERE doublings = 13),
           count(*) FILTER (WHERE doublings = 14), count(*) FILTER (WHERE doublings = 15),
           count(*) FILTER (WHERE doublings = 16), count(*) FILTER (WHERE doublings = 17),
           count(*) FILTER (WHERE doublings = 18), count(*) FILTER (WHERE doublings = 19),
           count(*) FILTER (WHERE doublings = 20), count(*) FILTER (WHERE doublings = 21),
           count(*) FILTER (WHERE doublings = 22), count(*) FILTER (WHERE doublings = 23)
       ]::int[] AS opened_within
FROM timed
GROUP BY bucket, template_name
ORDER BY sent DESC, template_name, bucket
LIMIT $4
