-- What the generated database holds. The words are looked for in every row: an index must not be what proves itself.
SELECT
    (SELECT count(*) FROM public.phoenix_kit_email_events) AS events,
    (SELECT count(*) FROM public.aftersend_recipients) AS recipients,
    count(*) AS mails,
    count(*) FILTER (WHERE subject LIKE '%zebra%') AS rare,
    count(*) FILTER (WHERE subject LIKE '%order%') AS common,
    count(*) FILTER (WHERE concat_ws(' ', subject, "to", campaign_id) ~* 'ordering|xylophone') AS none,
    pg_database_size(current_database()) AS database_bytes
FROM public.phoenix_kit_email_logs
