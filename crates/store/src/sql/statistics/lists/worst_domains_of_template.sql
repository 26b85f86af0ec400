-- As worst_domains.sql, of the template $11.
WITH day AS MATERIALIZED (
    SELECT generate_series($2::timestamptz, $3::timestamptz - interval '24 hours', interval '24 hours') AS starts_at
), edge (domain, sent, delivered, bounced, complained) AS MATERIALIZED (
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
), worst AS MATERIALIZED (
    SELECT domain, sum(bounced) AS bounced, sum(complained) AS complained
    FROM (
        SELECT domain, bounced, complained
        FROM "prefix".aftersend_domains_by_template
        WHERE starts_at = ANY(ARRAY(SELECT starts_at FROM day)) AND template_name = left($11::text, 255)
          AND bounced + complained > 0
        UNION ALL
        SELECT domain, bounced, complained FROM edge WHERE bounced + complained > 0
    ) AS harmed
    GROUP BY domain
    ORDER BY sum(bounced) + sum(complained) DESC, domain
    LIMIT $10
), whole AS MATERIALIZED (
    SELECT domain, sum(sent) AS sent, sum(delivered) AS delivered
    FROM "prefix".aftersend_domains_by_template
    WHERE starts_at = ANY(ARRAY(SELECT starts_at FROM day)) AND template_name = left($11::text, 255)
      AND domain = ANY(ARRAY(SELECT domain FROM worst))
    GROUP BY domain
), rest AS MATERIALIZED (
    SELECT domain, sum(sent) AS sent, sum(delivered) AS delivered
    FROM edge
    WHERE domain IN (SELECT domain FROM worst)
    GROUP BY domain
)
SELECT worst.domain,
       coalesce(whole.sent, 0) + coalesce(rest.sent, 0) AS sent,
       coalesce(whole.delivered, 0) + coalesce(rest.delivered, 0) AS delivered,
       worst.bounced, worst.complained
FROM worst
LEFT JOIN whole ON whole.domain = worst.domain
LEFT JOIN rest ON rest.domain = worst.domain
ORDER BY worst.bounced + worst.complained DESC, worst.domain
