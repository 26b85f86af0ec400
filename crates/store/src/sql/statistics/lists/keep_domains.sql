-- What was counted of the quarters of an hour that begin at the times of $1, whose last one ends them, is kept: the
-- statement that counts stands in the place of "recounted", with all of its parameters. Only what is not kept so already
-- is written; returns the quarters of which that is true. Columns side by side in one row: a quarter has about as many
-- pairs of template and domain as it has mails, and PostgreSQL compresses long rows. What mails had come to that were removed
-- since is added, as keep.sql does.
WITH summed AS (
    SELECT bucket, template_name, domain,
           sum(sent)::int AS sent,
           sum(delivered)::int AS delivered,
           sum(bounced)::int AS bounced,
           sum(complained)::int AS complained
    FROM (
        SELECT bucket, template_name, domain, sent, delivered, bounced, complained
        FROM "recounted" AS recounted
        UNION ALL
        SELECT width_bucket(removed.starts_at, $1::timestamptz[]), entry.*
        FROM "prefix".aftersend_removed_domains AS removed
        CROSS JOIN LATERAL unnest(removed.template_names, removed.domains, removed.sent, removed.delivered, removed.bounced, removed.complained)
            AS entry (template_name, domain, sent, delivered, bounced, complained)
        WHERE removed.starts_at >= ($1::timestamptz[])[1]
          AND removed.starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
    ) AS told
    GROUP BY bucket, template_name, domain
    -- What was removed and has come back adds up to nothing.
    HAVING sum(sent) <> 0
), counted AS MATERIALIZED (
    SELECT ($1::timestamptz[])[bucket] AS starts_at,
           array_agg(template_name ORDER BY domain, template_name) AS template_names,
           array_agg(domain ORDER BY domain, template_name) AS domains,
           array_agg(sent ORDER BY domain, template_name) AS sent,
           array_agg(delivered ORDER BY domain, template_name) AS delivered,
           array_agg(bounced ORDER BY domain, template_name) AS bounced,
           array_agg(complained ORDER BY domain, template_name) AS complained
    FROM summed
    GROUP BY bucket
), gone AS (
    DELETE FROM "prefix".aftersend_domains_by_quarter AS kept
    WHERE kept.starts_at >= ($1::timestamptz[])[1]
      AND kept.starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
      AND NOT EXISTS (SELECT FROM counted WHERE counted.starts_at = kept.starts_at)
    RETURNING kept.starts_at
), changed AS (
    INSERT INTO "prefix".aftersend_domains_by_quarter AS kept (
        starts_at, template_names, domains, sent, delivered, bounced, complained
    )
    SELECT counted.*
    FROM counted
    LEFT JOIN (
        SELECT *
        FROM "prefix".aftersend_domains_by_quarter
        WHERE starts_at >= ($1::timestamptz[])[1]
          AND starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
    ) AS known ON known.starts_at = counted.starts_at
    WHERE known.starts_at IS NULL
       OR (known.template_names, known.domains, known.sent, known.delivered, known.bounced, known.complained)
           IS DISTINCT FROM (
               counted.template_names, counted.domains, counted.sent, counted.delivered, counted.bounced,
               counted.complained
           )
    ON CONFLICT (starts_at) DO UPDATE
    SET template_names = excluded.template_names, domains = excluded.domains, sent = excluded.sent,
        delivered = excluded.delivered, bounced = excluded.bounced, complained = excluded.complained
    RETURNING kept.starts_at
)
SELECT starts_at FROM gone UNION ALL SELECT starts_at FROM changed
