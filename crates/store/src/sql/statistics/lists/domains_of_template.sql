-- The recipients' domains of a template's mails: those with harm first, as worst_domains_of_template.sql ranks them and
-- with the same parameters, then those to which most was sent. By primary key, all rows of the period.
WITH edge (domain, sent, delivered, bounced, complained) AS (
    SELECT entry.domain, entry.sent * edge.sign, entry.delivered * edge.sign, entry.bounced * edge.sign,
           entry.complained * edge.sign
    FROM unnest($1::timestamptz[], $2::timestamptz[], $3::int[]) AS edge (starts_at, ends_at, sign)
    JOIN "prefix".aftersend_domains_by_quarter AS kept
        ON kept.starts_at >= edge.starts_at AND kept.starts_at < edge.ends_at
    CROSS JOIN LATERAL unnest(kept.template_names, kept.domains, kept.sent, kept.delivered, kept.bounced, kept.complained)
        AS entry (template_name, domain, sent, delivered, bounced, complained)
    WHERE entry.template_name = left($12::text, 255)
    UNION ALL
    SELECT * FROM unnest($6::text[], $7::int[], $8::int[], $9::int[], $10::int[])
)
SELECT domain, sum(sent) AS sent, sum(delivered) AS delivered, sum(bounced) AS bounced, sum(complained) AS complained
FROM (
    SELECT domain, sent, delivered, bounced, complained
    FROM "prefix".aftersend_domains_by_template
    WHERE starts_at = ANY(ARRAY(
              SELECT generate_series($4::timestamptz, $5::timestamptz - interval '24 hours', interval '24 hours')
          ))
      AND template_name = left($12::text, 255)
    UNION ALL
    SELECT * FROM edge
) AS entry
GROUP BY domain
HAVING sum(sent) > 0
ORDER BY sum(bounced) + sum(complained) DESC,
         CASE WHEN sum(bounced) + sum(complained) = 0 THEN sum(sent) END DESC,
         domain
LIMIT $11
