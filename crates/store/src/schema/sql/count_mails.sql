-- What V137's indexes on mails will hold. Reads the table once; of long texts no more than whether they are there.
SELECT count(*) AS mails,
       count(*) FILTER (WHERE opened_at IS NOT NULL) AS opened,
       count(*) FILTER (WHERE clicked_at IS NOT NULL) AS clicked,
       count(*) FILTER (WHERE body_full IS NOT NULL) AS with_body,
       coalesce(avg(octet_length(template_name)), 0)::float8 AS template_bytes,
       coalesce(sum(char_length("to")), 0)::bigint AS to_characters,
       coalesce(sum(char_length(subject)), 0)::bigint AS subject_characters,
       coalesce(sum(char_length(campaign_id)), 0)::bigint AS campaign_characters
FROM "prefix".phoenix_kit_email_logs
