-- What the generated database holds.
SELECT
    (SELECT count(*) FROM public.phoenix_kit_email_logs) AS mails,
    (SELECT count(*) FROM public.phoenix_kit_email_events) AS events,
    pg_database_size(current_database()) AS database_bytes
