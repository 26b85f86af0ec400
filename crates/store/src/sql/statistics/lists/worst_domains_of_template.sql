-- As worst_domains.sql, of the template $12.
WITH edge (domain, sent, delivered, bounced, complained) AS MATERIALIZED (
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
), worst AS MATERIALIZED (
    SELECT domain, sum(bounced) AS bounced, sum(complained) AS complained
    FROM (
        SELECT domain, bounced, complained
        FROM "prefix".aftersend_domains_by_template
        WHERE starts_at = ANY(ARRAY(
                  SELECT generate_series($4::timestamptz, $5::timestamptz - interval '24 hours', interval '24 hours')
              ))
          AND template_name = left($12::text, 255)
          AND bounced + complained > 0
        UNION ALL
        SELECT domain, bounced, complained FROM edge WHERE bounced <> 0 OR complained <> 0
    ) AS harmed
    GROUP BY domain
    HAVING sum(bounced) + sum(complained) > 0
    ORDER BY sum(bounced) + sum(complained) DESC, domain
    LIMIT $11
), whole AS MATERIALIZED (
    SELECT domain, sum(sent) AS sent, sum(delivered) AS delivered
    FROM "prefix".aftersend_domains_by_template
    WHERE starts_at = ANY(ARRAY(
              SELECT generate_series($4::timestamptz, $5::timestamptz - interval '24 hours', interval '24 hours')
          ))
      AND template_name = left($12::text, 255)
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
