-- As keep_domains.sql, of the reasons of bounces.
WITH summed AS (
    SELECT bucket, kind, subtype, code,
           sum(bounces)::int AS bounces
    FROM (
        SELECT bucket, kind, subtype, code, bounces
        FROM "recounted" AS recounted
        UNION ALL
        SELECT width_bucket(removed.starts_at, $1::timestamptz[]), entry.*
        FROM "prefix".aftersend_removed_bounces AS removed
        CROSS JOIN LATERAL unnest(removed.kinds, removed.subtypes, removed.codes, removed.bounces)
            AS entry (kind, subtype, code, bounces)
        WHERE removed.starts_at >= ($1::timestamptz[])[1]
          AND removed.starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
    ) AS told
    GROUP BY bucket, kind, subtype, code
    -- What was removed and has come back adds up to nothing.
    HAVING sum(bounces) <> 0
), counted AS MATERIALIZED (
    SELECT ($1::timestamptz[])[bucket] AS starts_at,
           array_agg(kind ORDER BY kind, subtype, code) AS kinds,
           array_agg(subtype ORDER BY kind, subtype, code) AS subtypes,
           array_agg(code ORDER BY kind, subtype, code) AS codes,
           array_agg(bounces ORDER BY kind, subtype, code) AS bounces
    FROM summed
    GROUP BY bucket
), gone AS (
    DELETE FROM "prefix".aftersend_bounces_by_quarter AS kept
    WHERE kept.starts_at >= ($1::timestamptz[])[1]
      AND kept.starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
      AND NOT EXISTS (SELECT FROM counted WHERE counted.starts_at = kept.starts_at)
    RETURNING kept.starts_at
), changed AS (
    INSERT INTO "prefix".aftersend_bounces_by_quarter AS kept (starts_at, kinds, subtypes, codes, bounces)
    SELECT counted.*
    FROM counted
    LEFT JOIN (
        SELECT *
        FROM "prefix".aftersend_bounces_by_quarter
        WHERE starts_at >= ($1::timestamptz[])[1]
          AND starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
    ) AS known ON known.starts_at = counted.starts_at
    WHERE known.starts_at IS NULL
       OR (known.kinds, known.subtypes, known.codes, known.bounces)
           IS DISTINCT FROM (counted.kinds, counted.subtypes, counted.codes, counted.bounces)
    ON CONFLICT (starts_at) DO UPDATE
    SET kinds = excluded.kinds, subtypes = excluded.subtypes, codes = excluded.codes, bounces = excluded.bounces
    RETURNING kept.starts_at
)
SELECT starts_at FROM gone UNION ALL SELECT starts_at FROM changed
