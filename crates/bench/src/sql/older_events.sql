-- Events that were there before, from all over the table, which has $2 of them: about $1, and no more.
SELECT email_log_uuid, event_type, occurred_at
FROM public.phoenix_kit_email_events TABLESAMPLE BERNOULLI (least(100, 100.0 * $1::bigint / greatest($2::bigint, 1))::real)
LIMIT $1::bigint
