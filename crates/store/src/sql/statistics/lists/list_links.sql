-- The links that were followed in mails of the template $10 which were sent from $1 to before $4: from $2 to before $3 by
-- whole days of UTC, the rest by quarters of an hour, and with what was counted of parts of quarters ($5 the links, $6
-- mails, $7 clicks, $8 clicks of machines); those that led most mails' readers on first, $9 at most. By primary keys.
SELECT link, sum(mails) AS mails, sum(clicks) AS clicks, sum(machine_clicks) AS machine_clicks
FROM (
    SELECT link, mails, clicks, machine_clicks
    FROM "prefix".aftersend_links_by_template
    WHERE starts_at = ANY(ARRAY(
              SELECT generate_series($2::timestamptz, $3::timestamptz - interval '24 hours', interval '24 hours')
          ))
      AND template_name = left($10::text, 255)
    UNION ALL
    SELECT entry.link, entry.mails, entry.clicks, entry.machine_clicks
    FROM "prefix".aftersend_links_by_quarter AS kept
    CROSS JOIN LATERAL unnest(kept.template_names, kept.links, kept.mails, kept.clicks, kept.machine_clicks)
        AS entry (template_name, link, mails, clicks, machine_clicks)
    WHERE kept.starts_at >= $1::timestamptz AND kept.starts_at < $2::timestamptz
      AND entry.template_name = left($10::text, 255)
    UNION ALL
    SELECT entry.link, entry.mails, entry.clicks, entry.machine_clicks
    FROM "prefix".aftersend_links_by_quarter AS kept
    CROSS JOIN LATERAL unnest(kept.template_names, kept.links, kept.mails, kept.clicks, kept.machine_clicks)
        AS entry (template_name, link, mails, clicks, machine_clicks)
    WHERE kept.starts_at >= $3::timestamptz AND kept.starts_at < $4::timestamptz
      AND entry.template_name = left($10::text, 255)
    UNION ALL
    SELECT * FROM unnest($5::text[], $6::int[], $7::int[], $8::int[])
) AS entry
GROUP BY link
ORDER BY sum(mails) DESC, sum(clicks) DESC, sum(machine_clicks) DESC, link
LIMIT $9
