-- $1 templates. When a mail of each was last opened and clicked: one look each into V137's template_opened_index and
-- template_clicked_index.
SELECT template.name AS template_name,
       (
           SELECT max(opened_at) FROM "prefix".phoenix_kit_email_logs
           WHERE template_name = template.name AND opened_at IS NOT NULL
       ) AS opened_at,
       (
           SELECT max(clicked_at) FROM "prefix".phoenix_kit_email_logs
           WHERE template_name = template.name AND clicked_at IS NOT NULL
       ) AS clicked_at
FROM unnest($1::text[]) AS template (name)
