-- Why mails bounced, the commonest reasons first: from $4 to before $5 by days of UTC, with the quarters of an hour from each of $1 to before
-- each of $2 added or, where $3 is -1, taken away, and with
-- what was counted of parts of quarters ($6 kinds, $7 subtypes, $8 codes, $9 how often); $10 at most. By primary keys.
SELECT kind, subtype, code, sum(bounces) AS bounces
FROM (
    SELECT kind, subtype, code, bounces
    FROM "prefix".aftersend_bounces_by_day
    WHERE starts_at >= $4::timestamptz AND starts_at < $5::timestamptz
    UNION ALL
    SELECT entry.kind, entry.subtype, entry.code, entry.bounces * edge.sign
    FROM unnest($1::timestamptz[], $2::timestamptz[], $3::int[]) AS edge (starts_at, ends_at, sign)
    JOIN "prefix".aftersend_bounces_by_quarter AS kept
        ON kept.starts_at >= edge.starts_at AND kept.starts_at < edge.ends_at
    CROSS JOIN LATERAL unnest(kept.kinds, kept.subtypes, kept.codes, kept.bounces)
        AS entry (kind, subtype, code, bounces)
    UNION ALL
    SELECT * FROM unnest($6::text[], $7::text[], $8::text[], $9::int[])
) AS entry
GROUP BY kind, subtype, code
HAVING sum(bounces) > 0
ORDER BY sum(bounces) DESC, kind, subtype, code
LIMIT $10
