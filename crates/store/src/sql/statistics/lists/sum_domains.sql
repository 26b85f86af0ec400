-- $1 days of UTC: the sums of their quarters by domain, and by template and domain. A row that is right already is not
-- written. By primary keys.
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
), gone AS (
    DELETE FROM "prefix".aftersend_domains_by_template AS kept
    WHERE kept.starts_at = ANY($1::timestamptz[])
      AND NOT EXISTS (
          SELECT FROM counted
          WHERE counted.starts_at = kept.starts_at AND counted.template_name = kept.template_name
            AND counted.domain = kept.domain
      )
), changed AS (
    INSERT INTO "prefix".aftersend_domains_by_template AS kept (
        starts_at, template_name, domain, sent, delivered, bounced, complained
    )
    SELECT counted.*
    FROM counted
    LEFT JOIN (
        SELECT * FROM "prefix".aftersend_domains_by_template WHERE starts_at = ANY($1::timestamptz[])
    ) AS known USING (starts_at, template_name, domain)
    WHERE counted.template_name IS NOT NULL
      AND (known.sent, known.delivered, known.bounced, known.complained)
          IS DISTINCT FROM (counted.sent, counted.delivered, counted.bounced, counted.complained)
    ON CONFLICT (starts_at, template_name, domain) DO UPDATE
    SET sent = excluded.sent, delivered = excluded.delivered, bounced = excluded.bounced,
        complained = excluded.complained
), gone_of_all AS (
    DELETE FROM "prefix".aftersend_domains_by_day AS kept
    WHERE kept.starts_at = ANY($1::timestamptz[])
      AND NOT EXISTS (
          SELECT FROM counted_of_all AS counted
          WHERE counted.starts_at = kept.starts_at AND counted.domain = kept.domain
      )
)
INSERT INTO "prefix".aftersend_domains_by_day AS kept (starts_at, domain, sent, delivered, bounced, complained)
SELECT counted.*
FROM counted_of_all AS counted
LEFT JOIN (
    SELECT * FROM "prefix".aftersend_domains_by_day WHERE starts_at = ANY($1::timestamptz[])
) AS known USING (starts_at, domain)
WHERE (known.sent, known.delivered, known.bounced, known.complained)
    IS DISTINCT FROM (counted.sent, counted.delivered, counted.bounced, counted.complained)
ON CONFLICT (starts_at, domain) DO UPDATE
SET sent = excluded.sent, delivered = excluded.delivered, bounced = excluded.bounced,
    complained = excluded.complained
