-- Whether the events of every mail number divisible by $1 are in the tables, once each, and their mails tell it. $2: with
-- fingerprints. Recipients are counted apart.
WITH staged AS MATERIALIZED (
    SELECT number, mail, aws_message_id, address, event_type, occurred_at, fingerprint, ip_address, user_agent, link_url
    FROM bench.staging
    WHERE mail % $1 = 0
), told AS (
    SELECT aws_message_id, min(address) AS address,
           min(occurred_at) FILTER (WHERE event_type = 'delivery') AS delivered_at,
           min(occurred_at) FILTER (WHERE event_type = 'open') AS opened_at,
           min(occurred_at) FILTER (WHERE event_type = 'click') AS clicked_at
    FROM staged
    GROUP BY aws_message_id
), stored AS MATERIALIZED (
    SELECT mail.aws_message_id, event.uuid, event.event_type, event.occurred_at, event.aftersend_fingerprint, event.ip_address,
           event.user_agent, event.link_url, event.xmin::text AS transaction
    FROM told
    JOIN public.phoenix_kit_email_logs AS mail USING (aws_message_id)
    JOIN public.phoenix_kit_email_events AS event ON event.email_log_uuid = mail.uuid
)
SELECT
    (SELECT count(*) FROM staged) AS events_expected,
    (SELECT count(*) FROM stored) AS events,
    (SELECT count(*)
     FROM staged
     JOIN stored USING (aws_message_id, event_type, occurred_at)
     WHERE (NOT $2 OR stored.aftersend_fingerprint = staged.fingerprint)
       AND stored.ip_address IS NOT DISTINCT FROM staged.ip_address
       AND stored.user_agent IS NOT DISTINCT FROM staged.user_agent
       AND stored.link_url IS NOT DISTINCT FROM staged.link_url) AS events_right,
    -- The JSON of some of them.
    (SELECT count(*)
     FROM staged
     JOIN bench.staging AS whole USING (number)
     JOIN public.phoenix_kit_email_logs AS mail ON mail.aws_message_id = staged.aws_message_id
     JOIN public.phoenix_kit_email_events AS event
         ON event.email_log_uuid = mail.uuid AND event.event_type = staged.event_type
     WHERE staged.number % 97 = 0 AND event.event_data <> whole.event_data::jsonb) AS json_wrong,
    (SELECT count(*) FROM told) AS mails_expected,
    (SELECT count(*)
     FROM told
     JOIN public.phoenix_kit_email_logs AS mail USING (aws_message_id)
     WHERE mail.status = 'clicked'
       AND (mail.delivered_at, mail.opened_at, mail.clicked_at) = (told.delivered_at, told.opened_at, told.clicked_at))
        AS mails_right,
    (SELECT count(*)
     FROM told
     JOIN public.phoenix_kit_email_logs AS mail USING (aws_message_id)
     JOIN public.aftersend_recipients AS recipient
         ON recipient.email_log_uuid = mail.uuid AND recipient.address = told.address
     WHERE recipient.listed AND recipient.delivered_at = told.delivered_at) AS recipients_right,
    (SELECT count(DISTINCT transaction) FROM stored) AS transactions
