-- Mails that an application logs, and nobody knew. In the order of their own ids: of racing logs of the same mails the
-- later one waits, and then finds them. As long as nobody says when a mail was sent, it stands at the time at which it was
-- queued or, failing that, written down.
INSERT INTO "prefix".phoenix_kit_email_logs (
    uuid, message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, configuration_set,
    message_tags, headers, status, sent_at, queued_at, attachments_count, size_bytes, locale, user_uuid, body_full,
    body_preview, aftersend_logged, provider, inserted_at, updated_at
)
SELECT mail.uuid, mail.message_id, mail.aws_message_id, mail."to", mail."from", mail.subject, mail.template_name,
       mail.campaign_id, mail.configuration_set, mail.message_tags::jsonb, mail.headers::jsonb, mail.status,
       coalesce(mail.sent_at, mail.queued_at, now()), mail.queued_at, mail.attachments_count, mail.size_bytes,
       mail.locale, mail.user_uuid, mail.body_full, mail.body_preview, string_to_array(mail.logged, ','), 'aws_ses',
       now(), now()
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::int[], $16::int[],
    $17::text[], $18::uuid[], $19::text[], $20::text[], $21::text[]
) AS mail (
    uuid, message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, configuration_set,
    message_tags, headers, status, sent_at, queued_at, attachments_count, size_bytes, locale, user_uuid, logged,
    body_full, body_preview
)
ORDER BY mail.message_id
ON CONFLICT DO NOTHING
RETURNING uuid, sent_at
