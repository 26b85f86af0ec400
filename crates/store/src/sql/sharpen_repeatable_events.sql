-- A repeat of an open or a click may bring SES's verdict whether a machine did it: Likely over Unlikely over none.
UPDATE "prefix".phoenix_kit_email_events AS stored
SET aftersend_bot_verdict = told.bot_verdict,
    updated_at = now()
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[])
    AS told (email_log_uuid, event_type, fingerprint, occurred_at, bot_verdict)
WHERE stored.email_log_uuid = told.email_log_uuid
  AND stored.event_type = told.event_type
  AND stored.occurred_at = told.occurred_at
  AND stored.event_type IN ('open', 'click')
  AND stored.aftersend_fingerprint = told.fingerprint
  AND (stored.aftersend_bot_verdict IS NULL
       OR (stored.aftersend_bot_verdict = 'Unlikely' AND told.bot_verdict = 'Likely'))
