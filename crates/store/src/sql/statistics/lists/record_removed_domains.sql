-- What mails tell by domain that are about to be removed ($4 1), or are back ($4 -1), is kept apart: what counting
-- tells of $3, these mails, in the quarters of $1. The statement that counts stands in the place of "recounted", with all of
-- its parameters.
INSERT INTO "prefix".aftersend_removed_domains (starts_at, template_names, domains, sent, delivered, bounced, complained)
SELECT ($1::timestamptz[])[bucket],
       array_agg(template_name ORDER BY domain, template_name),
       array_agg(domain ORDER BY domain, template_name),
       array_agg($4::int * sent ORDER BY domain, template_name),
       array_agg($4::int * delivered ORDER BY domain, template_name),
       array_agg($4::int * bounced ORDER BY domain, template_name),
       array_agg($4::int * complained ORDER BY domain, template_name)
FROM "recounted" AS recounted
GROUP BY bucket
