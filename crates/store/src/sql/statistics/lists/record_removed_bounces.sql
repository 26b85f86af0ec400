-- What mails tell of why they bounced that are about to be removed ($4 1), or are back ($4 -1), is kept apart: what counting
-- tells of $3, these mails, in the quarters of $1. The statement that counts stands in the place of "recounted", with all of
-- its parameters.
INSERT INTO "prefix".aftersend_removed_bounces (starts_at, kinds, subtypes, codes, bounces)
SELECT ($1::timestamptz[])[bucket],
       array_agg(kind ORDER BY kind, subtype, code),
       array_agg(subtype ORDER BY kind, subtype, code),
       array_agg(code ORDER BY kind, subtype, code),
       array_agg($4::int * bounces ORDER BY kind, subtype, code)
FROM "recounted" AS recounted
GROUP BY bucket
