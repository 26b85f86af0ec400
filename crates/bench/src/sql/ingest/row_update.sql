-- What it means for the mail; $2 the state, $3 its time, never back to a state of a lower rank.
UPDATE public.phoenix_kit_email_logs
SET status = CASE
        WHEN array_position(ARRAY['sent', 'delivered', 'opened', 'clicked'], status::text)
            < array_position(ARRAY['sent', 'delivered', 'opened', 'clicked'], $2::text)
        THEN $2
        ELSE status
    END,
    delivered_at = CASE WHEN $2 = 'delivered' THEN least(delivered_at, $3) ELSE delivered_at END,
    opened_at = CASE WHEN $2 = 'opened' THEN least(opened_at, $3) ELSE opened_at END,
    clicked_at = CASE WHEN $2 = 'clicked' THEN least(clicked_at, $3) ELSE clicked_at END,
    updated_at = now()
WHERE uuid = $1
