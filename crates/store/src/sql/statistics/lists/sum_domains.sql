-- $1 days of UTC: the sums of their quarters by domain, and by template and domain. A row that is right already is not
-- written. By primary keys. What is there and what should be meet in full joins, which are never nested loops: PostgreSQL
-- can't know how many rows each has, and a loop over a day's rows for each of them takes a quarter of a minute.
WITH counted AS MATERIALIZED (
    SELECT day.starts_at, entry.template_name, entry.domain,
           sum(entry.sent)::int AS sent, sum(entry.delivered)::int AS delivered,
           sum(entry.bounced)::int AS bounced, sum(entry.complained)::int AS complained
    FROM unnest($1::timestamptz[]) AS day (starts_at)
    JOIN "prefix".aftersend_domains_by_quarter AS kept
        ON kept.starts_at >= day.starts_at AND kept.starts_at < day.starts_at + interval '24 hours'
    CROSS JOIN LATERAL unnest(
        kept.template_names, kept.domains, kept.sent, kept.delivered, kept.bounced, kept.complained
    ) AS entry (template_name, domain, sent, delivered, bounced, complained)
    GROUP BY day.starts_at, entry.template_name, entry.domain
), counted_of_all AS MATERIALIZED (
    SELECT starts_at, domain,
           sum(sent)::int AS sent, sum(delivered)::int AS delivered,
           sum(bounced)::int AS bounced, sum(complained)::int AS complained
    FROM counted
    GROUP BY starts_at, domain
), of_template AS MATERIALIZED (
    SELECT known.ctid AS known, starts_at, template_name, domain, counted.sent, counted.delivered, counted.bounced,
           counted.complained
    FROM (SELECT * FROM counted WHERE template_name IS NOT NULL) AS counted
    FULL JOIN (
        SELECT ctid, * FROM "prefix".aftersend_domains_by_template WHERE starts_at = ANY($1::timestamptz[])
    ) AS known USING (starts_at, template_name, domain)
    WHERE (known.sent, known.delivered, known.bounced, known.complained)
        IS DISTINCT FROM (counted.sent, counted.delivered, counted.bounced, counted.complained)
), of_all AS MATERIALIZED (
    SELECT known.ctid AS known, starts_at, domain, counted.sent, counted.delivered, counted.bounced,
           counted.complained
    FROM counted_of_all AS counted
    FULL JOIN (
        SELECT ctid, * FROM "prefix".aftersend_domains_by_day WHERE starts_at = ANY($1::timestamptz[])
    ) AS known USING (starts_at, domain)
    WHERE (known.sent, known.delivered, known.bounced, known.complained)
        IS DISTINCT FROM (counted.sent, counted.delivered, counted.bounced, counted.complained)
), gone_of_template AS (
    DELETE FROM "prefix".aftersend_domains_by_template
    WHERE ctid = ANY(ARRAY(SELECT known FROM of_template WHERE sent IS NULL))
), changed_of_template AS (
    INSERT INTO "prefix".aftersend_domains_by_template (
        starts_at, template_name, domain, sent, delivered, bounced, complained
    )
    SELECT starts_at, template_name, domain, sent, delivered, bounced, complained
    FROM of_template
    WHERE sent IS NOT NULL
    ON CONFLICT (starts_at, template_name, domain) DO UPDATE
    SET sent = excluded.sent, delivered = excluded.delivered, bounced = excluded.bounced,
        complained = excluded.complained
), gone_of_all AS (
    DELETE FROM "prefix".aftersend_domains_by_day
    WHERE ctid = ANY(ARRAY(SELECT known FROM of_all WHERE sent IS NULL))
)
INSERT INTO "prefix".aftersend_domains_by_day (starts_at, domain, sent, delivered, bounced, complained)
SELECT starts_at, domain, sent, delivered, bounced, complained
FROM of_all
WHERE sent IS NOT NULL
ON CONFLICT (starts_at, domain) DO UPDATE
SET sent = excluded.sent, delivered = excluded.delivered, bounced = excluded.bounced,
    complained = excluded.complained
