INSERT INTO public.phoenix_kit_email_events (
    uuid, email_log_uuid, event_type, event_data, occurred_at, inserted_at, updated_at
)
VALUES ($1, $2, $3, '{"_source": "sqs", "processingTimeMillis": 1200}', $4, now(), now())
