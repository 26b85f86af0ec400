-- What mails tell of links that were followed that are about to be removed ($4 1), or are back ($4 -1), is kept apart: what counting
-- tells of $3, these mails, in the quarters of $1. The statement that counts stands in the place of "recounted", with all of
-- its parameters.
INSERT INTO "prefix".aftersend_removed_links (starts_at, template_names, links, mails, clicks, machine_clicks)
SELECT ($1::timestamptz[])[bucket],
       array_agg(template_name ORDER BY link, template_name),
       array_agg(link ORDER BY link, template_name),
       array_agg($4::int * mails ORDER BY link, template_name),
       array_agg($4::int * clicks ORDER BY link, template_name),
       array_agg($4::int * machine_clicks ORDER BY link, template_name)
FROM "recounted" AS recounted
GROUP BY bucket
