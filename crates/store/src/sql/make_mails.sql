-- A row for each mail that is known from its events alone. In the order of SES ids: racing batches insert the
-- same ids in the same order, the later one waits and then does nothing.
INSERT INTO "prefix".phoenix_kit_email_logs (
    uuid, message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, configuration_set,
    message_tags, status, sent_at, delayed_at, delivered_at, opened_at, clicked_at, bounced_at, failed_at,
    rejected_at, complained_at, provider, inserted_at, updated_at, aftersend_derived
)
SELECT mail.uuid, mail.message_id, mail.aws_message_id, mail."to", mail."from", mail.subject, mail.template_name,
       mail.campaign_id, mail.configuration_set, mail.message_tags::jsonb, mail.status, mail.sent_at,
       mail.delayed_at, mail.delivered_at, mail.opened_at, mail.clicked_at, mail.bounced_at, mail.failed_at,
       mail.rejected_at, mail.complained_at, 'aws_ses', now(), now(), true
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],
    $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::timestamptz[], $20::timestamptz[]
) AS mail (
    uuid, message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, configuration_set,
    message_tags, status, sent_at, delayed_at, delivered_at, opened_at, clicked_at, bounced_at, failed_at,
    rejected_at, complained_at
)
ORDER BY mail.aws_message_id
ON CONFLICT DO NOTHING
