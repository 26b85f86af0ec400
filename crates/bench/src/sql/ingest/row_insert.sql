-- That event, if it is not there already.
INSERT INTO public.phoenix_kit_email_events (
    uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url, inserted_at, updated_at
)
VALUES ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, now(), now())
ON CONFLICT DO NOTHING
