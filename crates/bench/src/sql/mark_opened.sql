UPDATE public.phoenix_kit_email_logs
SET status = 'opened', opened_at = coalesce(opened_at, $2), updated_at = $2
WHERE uuid = $1
