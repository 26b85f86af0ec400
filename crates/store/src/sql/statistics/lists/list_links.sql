-- The links that were followed in mails of the template $11, those that led most mails' readers on first: from $4 to
-- before $5 by days of UTC, with the quarters of an hour from each of $1 to before each of $2 added or, where $3 is -1,
-- taken away, and with what was counted of parts of quarters ($6 the links, $7 mails, $8 clicks, $9 clicks of machines);
-- $10 at most. By primary keys.
SELECT link, sum(mails) AS mails, sum(clicks) AS clicks, sum(machine_clicks) AS machine_clicks
FROM (
    SELECT link, mails, clicks, machine_clicks
    FROM "prefix".aftersend_links_by_template
    WHERE starts_at = ANY(ARRAY(
              SELECT generate_series($4::timestamptz, $5::timestamptz - interval '24 hours', interval '24 hours')
          ))
      AND template_name = left($11::text, 255)
    UNION ALL
    SELECT entry.link, entry.mails * edge.sign, entry.clicks * edge.sign, entry.machine_clicks * edge.sign
    FROM unnest($1::timestamptz[], $2::timestamptz[], $3::int[]) AS edge (starts_at, ends_at, sign)
    JOIN "prefix".aftersend_links_by_quarter AS kept
        ON kept.starts_at >= edge.starts_at AND kept.starts_at < edge.ends_at
    CROSS JOIN LATERAL unnest(kept.template_names, kept.links, kept.mails, kept.clicks, kept.machine_clicks)
        AS entry (template_name, link, mails, clicks, machine_clicks)
    WHERE entry.template_name = left($11::text, 255)
    UNION ALL
    SELECT * FROM unnest($6::text[], $7::int[], $8::int[], $9::int[])
) AS entry
GROUP BY link
HAVING sum(clicks) + sum(machine_clicks) > 0
ORDER BY sum(mails) DESC, sum(clicks) DESC, sum(machine_clicks) DESC, link
LIMIT $10
