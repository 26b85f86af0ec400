-- What became of each mail for its one recipient, as storing its events would have told it.
INSERT INTO public.aftersend_recipients (
    email_log_uuid, address, listed, delayed_at, soft_bounced_at, delivered_at, hard_bounced_at, complained_at
)
SELECT
    uuid,
    lower("to"),
    true,
    CASE WHEN status IN ('delayed', 'soft_bounced') THEN sent_at + interval '3 s' END,
    CASE WHEN status = 'soft_bounced' THEN bounced_at END,
    delivered_at,
    CASE WHEN status = 'hard_bounced' THEN bounced_at END,
    complained_at
FROM public.phoenix_kit_email_logs
ON CONFLICT DO NOTHING
