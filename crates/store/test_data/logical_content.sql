-- What a store says of its mails, without what chance decides: keys, the moment of storing, which raw JSON was
-- kept, and which of several occurrences sits in V137's row.
SELECT mail.aws_message_id, mail.message_id, mail."to", mail."from", mail.subject, mail.template_name,
       mail.campaign_id, mail.configuration_set, mail.message_tags, mail.provider, mail.status, mail.sent_at,
       mail.queued_at, mail.delayed_at, mail.delivered_at, mail.opened_at, mail.clicked_at, mail.bounced_at,
       mail.failed_at, mail.rejected_at, mail.complained_at, mail.aftersend_derived,
       (
           SELECT jsonb_agg(to_jsonb(occurrence) ORDER BY occurrence.fingerprint)
           FROM (
               SELECT aftersend_fingerprint AS fingerprint, event_type, occurred_at, aftersend_subtype AS subtype,
                      aftersend_bot_verdict AS bot_verdict, link_url, bounce_type
               FROM "prefix".phoenix_kit_email_events
               WHERE email_log_uuid = mail.uuid
               UNION ALL
               SELECT fingerprint, event_type, occurred_at, subtype, bot_verdict, link_url, bounce_type
               FROM "prefix".aftersend_folded_events
               WHERE email_log_uuid = mail.uuid
           ) AS occurrence
       ) AS occurrences,
       (
           SELECT jsonb_agg(to_jsonb(recipient) - 'email_log_uuid' ORDER BY recipient.address)
           FROM "prefix".aftersend_recipients AS recipient
           WHERE recipient.email_log_uuid = mail.uuid
       ) AS recipients
FROM "prefix".phoenix_kit_email_logs AS mail
ORDER BY mail.aws_message_id
