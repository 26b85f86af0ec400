-- As keep_domains.sql, of the links that were followed.
WITH summed AS (
    SELECT bucket, template_name, link,
           sum(mails)::int AS mails,
           sum(clicks)::int AS clicks,
           sum(machine_clicks)::int AS machine_clicks
    FROM (
        SELECT bucket, template_name, link, mails, clicks, machine_clicks
        FROM "recounted" AS recounted
        UNION ALL
        SELECT width_bucket(removed.starts_at, $1::timestamptz[]), entry.*
        FROM "prefix".aftersend_removed_links AS removed
        CROSS JOIN LATERAL unnest(removed.template_names, removed.links, removed.mails, removed.clicks, removed.machine_clicks)
            AS entry (template_name, link, mails, clicks, machine_clicks)
        WHERE removed.starts_at >= ($1::timestamptz[])[1]
          AND removed.starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
    ) AS told
    GROUP BY bucket, template_name, link
    -- What was removed and has come back adds up to nothing.
    HAVING sum(clicks + machine_clicks) <> 0
), counted AS MATERIALIZED (
    SELECT ($1::timestamptz[])[bucket] AS starts_at,
           array_agg(template_name ORDER BY link, template_name) AS template_names,
           array_agg(link ORDER BY link, template_name) AS links,
           array_agg(mails ORDER BY link, template_name) AS mails,
           array_agg(clicks ORDER BY link, template_name) AS clicks,
           array_agg(machine_clicks ORDER BY link, template_name) AS machine_clicks
    FROM summed
    GROUP BY bucket
), gone AS (
    DELETE FROM "prefix".aftersend_links_by_quarter AS kept
    WHERE kept.starts_at >= ($1::timestamptz[])[1]
      AND kept.starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
      AND NOT EXISTS (SELECT FROM counted WHERE counted.starts_at = kept.starts_at)
    RETURNING kept.starts_at
), changed AS (
    INSERT INTO "prefix".aftersend_links_by_quarter AS kept (
        starts_at, template_names, links, mails, clicks, machine_clicks
    )
    SELECT counted.*
    FROM counted
    LEFT JOIN (
        SELECT *
        FROM "prefix".aftersend_links_by_quarter
        WHERE starts_at >= ($1::timestamptz[])[1]
          AND starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
    ) AS known ON known.starts_at = counted.starts_at
    WHERE known.starts_at IS NULL
       OR (known.template_names, known.links, known.mails, known.clicks, known.machine_clicks)
           IS DISTINCT FROM (
               counted.template_names, counted.links, counted.mails, counted.clicks, counted.machine_clicks
           )
    ON CONFLICT (starts_at) DO UPDATE
    SET template_names = excluded.template_names, links = excluded.links, mails = excluded.mails,
        clicks = excluded.clicks, machine_clicks = excluded.machine_clicks
    RETURNING kept.starts_at
)
SELECT starts_at FROM gone UNION ALL SELECT starts_at FROM changed
