-- $1 days of UTC: the sums of their quarters by template and link, of mails that have a template. A row that is right
-- already is not written; full joins as in sum_domains.sql. By primary key, in which a hash stands for the link, since a link may be too long for a key.
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
), differing AS MATERIALIZED (
    SELECT known.ctid AS known, starts_at, template_name, link_hash, counted.link, counted.mails, counted.clicks,
           counted.machine_clicks
    FROM counted
    FULL JOIN (
        SELECT ctid, starts_at, template_name, link_hash, mails, clicks, machine_clicks
        FROM "prefix".aftersend_links_by_template
        WHERE starts_at = ANY($1::timestamptz[])
    ) AS known USING (starts_at, template_name, link_hash)
    WHERE (known.mails, known.clicks, known.machine_clicks)
        IS DISTINCT FROM (counted.mails, counted.clicks, counted.machine_clicks)
), gone AS (
    DELETE FROM "prefix".aftersend_links_by_template
    WHERE ctid = ANY(ARRAY(SELECT known FROM differing WHERE mails IS NULL))
)
INSERT INTO "prefix".aftersend_links_by_template (
    starts_at, template_name, link_hash, link, mails, clicks, machine_clicks
)
SELECT starts_at, template_name, link_hash, link, mails, clicks, machine_clicks
FROM differing
WHERE mails IS NOT NULL
ON CONFLICT (starts_at, template_name, link_hash) DO UPDATE
SET mails = excluded.mails, clicks = excluded.clicks, machine_clicks = excluded.machine_clicks
