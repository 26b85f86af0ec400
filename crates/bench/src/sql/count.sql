-- What the generated database holds. Written apart from the statements that fill it, so that it can be compared with
-- what they were meant to do.
SELECT
    (SELECT count(*) FROM public.phoenix_kit_email_logs) AS mails,
    (SELECT count(*) FROM public.phoenix_kit_email_events) AS events,
    (SELECT count(*) FROM (
        SELECT FROM public.phoenix_kit_email_events
        GROUP BY email_log_uuid, event_type, CASE WHEN event_type IN ('open', 'click') THEN occurred_at END
    ) AS distinct_event) AS distinct_events,
    (SELECT count(DISTINCT coalesce(headers ->> 'aws_message_id', headers ->> 'X-AWS-Message-Id', headers ->> 'MessageId'))
        FROM public.phoenix_kit_email_logs WHERE aws_message_id IS NULL) AS ids_to_backfill,
    pg_database_size(current_database()) AS database_bytes
