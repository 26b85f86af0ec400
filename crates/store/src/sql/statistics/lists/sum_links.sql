-- $1 days of UTC: the sums of their quarters by template and link, of mails that have a template. A row that is right
-- already is not written. By primary key, in which a hash stands for the link, since a link may be too long for a key.
WITH counted AS MATERIALIZED (
    SELECT day.starts_at, entry.template_name,
           coalesce(sha256(convert_to(entry.link, 'UTF8')), '') AS link_hash, entry.link,
           sum(entry.mails)::int AS mails, sum(entry.clicks)::int AS clicks,
           sum(entry.machine_clicks)::int AS machine_clicks
    FROM unnest($1::timestamptz[]) AS day (starts_at)
    JOIN "prefix".aftersend_links_by_quarter AS kept
        ON kept.starts_at >= day.starts_at AND kept.starts_at < day.starts_at + interval '24 hours'
    CROSS JOIN LATERAL unnest(kept.template_names, kept.links, kept.mails, kept.clicks, kept.machine_clicks)
        AS entry (template_name, link, mails, clicks, machine_clicks)
    WHERE entry.template_name IS NOT NULL
    GROUP BY day.starts_at, entry.template_name, entry.link
), gone AS (
    DELETE FROM "prefix".aftersend_links_by_template AS kept
    WHERE kept.starts_at = ANY($1::timestamptz[])
      AND NOT EXISTS (
          SELECT FROM counted
          WHERE counted.starts_at = kept.starts_at AND counted.template_name = kept.template_name
            AND counted.link_hash = kept.link_hash
      )
)
INSERT INTO "prefix".aftersend_links_by_template AS kept (
    starts_at, template_name, link_hash, link, mails, clicks, machine_clicks
)
SELECT counted.*
FROM counted
LEFT JOIN (
    SELECT starts_at, template_name, link_hash, mails, clicks, machine_clicks
    FROM "prefix".aftersend_links_by_template
    WHERE starts_at = ANY($1::timestamptz[])
) AS known USING (starts_at, template_name, link_hash)
WHERE (known.mails, known.clicks, known.machine_clicks)
    IS DISTINCT FROM (counted.mails, counted.clicks, counted.machine_clicks)
ON CONFLICT (starts_at, template_name, link_hash) DO UPDATE
SET mails = excluded.mails, clicks = excluded.clicks, machine_clicks = excluded.machine_clicks
