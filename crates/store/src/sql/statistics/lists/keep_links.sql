-- As keep_domains.sql, of the links that were followed.
WITH counted AS MATERIALIZED (
    SELECT ($1::timestamptz[])[bucket] AS starts_at,
           array_agg(template_name ORDER BY link, template_name) AS template_names,
           array_agg(link ORDER BY link, template_name) AS links,
           array_agg(mails ORDER BY link, template_name) AS mails,
           array_agg(clicks ORDER BY link, template_name) AS clicks,
           array_agg(machine_clicks ORDER BY link, template_name) AS machine_clicks
    FROM "recounted" AS recounted
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
