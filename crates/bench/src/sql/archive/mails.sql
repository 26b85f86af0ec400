-- $1 uuids; $2 recipients; $3 templates; $4 times in seconds; $5 bodies, or none; $6 whether they are marked as compressed.
INSERT INTO phoenix_kit_email_logs
    (uuid, message_id, aws_message_id, "to", "from", subject, status, provider, template_name, campaign_id, sent_at,
     delivered_at, body_full, body_compressed, inserted_at, updated_at)
SELECT mail.uuid, 'pk_' || mail.uuid, '0102' || mail.uuid, mail.recipient, 'Shop <shop@example.com>',
       'About your order at the shop', 'delivered', 'aws_ses', mail.template_name, 'autumn',
       to_timestamp(mail.sent_at), to_timestamp(mail.sent_at + 2), mail.body, $6, to_timestamp(mail.sent_at),
       to_timestamp(mail.sent_at + 2)
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::float8[], $5::text[])
    AS mail (uuid, recipient, template_name, sent_at, body)
