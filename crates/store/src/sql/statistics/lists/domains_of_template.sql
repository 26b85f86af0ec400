-- The recipients' domains of a template's mails: those with harm first, as worst_domains_of_template.sql ranks them and
-- with the same parameters, then those to which most was sent. By primary key, all rows of the period.
SELECT domain, sum(sent) AS sent, sum(delivered) AS delivered, sum(bounced) AS bounced, sum(complained) AS complained
FROM (
    SELECT domain, sent, delivered, bounced, complained
    FROM "prefix".aftersend_domains_by_template
    WHERE starts_at = ANY(ARRAY(
              SELECT generate_series($2::timestamptz, $3::timestamptz - interval '24 hours', interval '24 hours')
          ))
      AND template_name = left($11::text, 255)
    UNION ALL
    SELECT entry.domain, entry.sent, entry.delivered, entry.bounced, entry.complained
    FROM "prefix".aftersend_domains_by_quarter AS kept
    CROSS JOIN LATERAL unnest(
        kept.template_names, kept.domains, kept.sent, kept.delivered, kept.bounced, kept.complained
    ) AS entry (template_name, domain, sent, delivered, bounced, complained)
    WHERE kept.starts_at >= $1::timestamptz AND kept.starts_at < $2::timestamptz
      AND entry.template_name = left($11::text, 255)
    UNION ALL
    SELECT entry.domain, entry.sent, entry.delivered, entry.bounced, entry.complained
    FROM "prefix".aftersend_domains_by_quarter AS kept
    CROSS JOIN LATERAL unnest(
        kept.template_names, kept.domains, kept.sent, kept.delivered, kept.bounced, kept.complained
    ) AS entry (template_name, domain, sent, delivered, bounced, complained)
    WHERE kept.starts_at >= $3::timestamptz AND kept.starts_at < $4::timestamptz
      AND entry.template_name = left($11::text, 255)
    UNION ALL
    SELECT * FROM unnest($5::text[], $6::int[], $7::int[], $8::int[], $9::int[])
) AS entry
GROUP BY domain
ORDER BY sum(bounced) + sum(complained) DESC,
         CASE WHEN sum(bounced) + sum(complained) = 0 THEN sum(sent) END DESC,
         domain
LIMIT $10
