-- Why mails bounced that were sent from $1 to before $4: from $2 to before $3 by whole days of UTC, the rest by quarters
-- of an hour, and with what was counted of parts of quarters ($5 kinds, $6 subtypes, $7 codes, $8 how often); the
-- commonest first, $9 at most. By primary keys.
SELECT kind, subtype, code, sum(bounces) AS bounces
FROM (
    SELECT kind, subtype, code, bounces
    FROM "prefix".aftersend_bounces_by_day
    WHERE starts_at >= $2::timestamptz AND starts_at < $3::timestamptz
    UNION ALL
    SELECT entry.*
    FROM "prefix".aftersend_bounces_by_quarter AS kept
    CROSS JOIN LATERAL unnest(kept.kinds, kept.subtypes, kept.codes, kept.bounces)
        AS entry (kind, subtype, code, bounces)
    WHERE kept.starts_at >= $1::timestamptz AND kept.starts_at < $2::timestamptz
    UNION ALL
    SELECT entry.*
    FROM "prefix".aftersend_bounces_by_quarter AS kept
    CROSS JOIN LATERAL unnest(kept.kinds, kept.subtypes, kept.codes, kept.bounces)
        AS entry (kind, subtype, code, bounces)
    WHERE kept.starts_at >= $3::timestamptz AND kept.starts_at < $4::timestamptz
    UNION ALL
    SELECT * FROM unnest($5::text[], $6::text[], $7::text[], $8::int[])
) AS entry
GROUP BY kind, subtype, code
ORDER BY sum(bounces) DESC, kind, subtype, code
LIMIT $9
