-- $1 mails: each with all that belongs to it, and a digest of that. One statement, so that all of it is of one moment. Rows as
-- JSON, so that columns that this program does not know are in it, too; the digest leaves out columns that hold nothing, so
-- that it stays the same when a table gets another one, and has of a compressed body its own digest. By primary keys and email_log_uuid_idx.
SELECT mail.uuid, mail.sent_at, mail.updated_at, mail.aws_message_id,
       row_to_json(mail)::text AS mail,
       coalesce(event.lines, '[]') AS events,
       coalesce(folded.lines, '[]') AS folded,
       coalesce(recipient.lines, '[]') AS recipients,
       coalesce(id.lines, '[]') AS ids,
       coalesce(removed.lines, '[]') AS removed,
       event.number + folded.number AS occurrences,
       mail.body_compressed AND mail.body_full IS NULL AS is_body_elsewhere,
       sha256(convert_to(
           concat_ws(
               E'\n', told.words, 'body ' || stored.digest, 'events', event.words, 'folded', folded.words, 'recipients', recipient.words, 'ids',
               id.words, 'removed', removed.words
           ),
           'UTF8'
       )) AS digest
FROM "prefix".phoenix_kit_email_logs AS mail
LEFT JOIN "prefix".aftersend_bodies AS stored
    ON stored.email_log_uuid = mail.uuid AND mail.body_full IS NULL AND mail.body_compressed
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(name, value)::text AS words
    FROM jsonb_each(to_jsonb(mail)) AS held (name, value)
    WHERE value <> 'null'
) AS told
CROSS JOIN LATERAL (
    SELECT count(*) AS number,
           json_agg(row_to_json(event) ORDER BY event.uuid)::text AS lines,
           string_agg(told.words, E'\n' ORDER BY event.uuid) AS words
    FROM "prefix".phoenix_kit_email_events AS event
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(name, value)::text AS words
        FROM jsonb_each(to_jsonb(event)) AS held (name, value)
        WHERE value <> 'null'
    ) AS told
    WHERE event.email_log_uuid = mail.uuid
) AS event
CROSS JOIN LATERAL (
    SELECT count(*) AS number,
           json_agg(row_to_json(folded) ORDER BY folded.fingerprint)::text AS lines,
           string_agg(jsonb_strip_nulls(to_jsonb(folded))::text, E'\n' ORDER BY folded.fingerprint) AS words
    FROM "prefix".aftersend_folded_events AS folded
    WHERE folded.email_log_uuid = mail.uuid
) AS folded
CROSS JOIN LATERAL (
    SELECT json_agg(row_to_json(recipient) ORDER BY recipient.address)::text AS lines,
           string_agg(jsonb_strip_nulls(to_jsonb(recipient))::text, E'\n' ORDER BY recipient.address) AS words
    FROM "prefix".aftersend_recipients AS recipient
    WHERE recipient.email_log_uuid = mail.uuid
) AS recipient
CROSS JOIN LATERAL (
    SELECT json_agg(row_to_json(id) ORDER BY id.aws_message_id)::text AS lines,
           string_agg(jsonb_strip_nulls(to_jsonb(id))::text, E'\n' ORDER BY id.aws_message_id) AS words
    FROM "prefix".aftersend_ids AS id
    WHERE id.email_log_uuid = mail.uuid
) AS id
CROSS JOIN LATERAL (
    SELECT json_agg(row_to_json(removed) ORDER BY removed.uuid)::text AS lines,
           string_agg(jsonb_strip_nulls(to_jsonb(removed))::text, E'\n' ORDER BY removed.uuid) AS words
    FROM "prefix".aftersend_removed_events AS removed
    WHERE removed.email_log_uuid = mail.uuid
) AS removed
WHERE mail.uuid = ANY($1)
ORDER BY mail.uuid
