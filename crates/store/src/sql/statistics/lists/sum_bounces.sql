-- $1 days of UTC: the sums of their quarters by reason of bounces. By primary key.
INSERT INTO "prefix".aftersend_bounces_by_day (starts_at, place, kind, subtype, code, bounces)
SELECT day.starts_at, row_number() OVER (PARTITION BY day.starts_at), entry.kind, entry.subtype, entry.code,
       sum(entry.bounces)
FROM unnest($1::timestamptz[]) AS day (starts_at)
JOIN "prefix".aftersend_bounces_by_quarter AS kept
    ON kept.starts_at >= day.starts_at AND kept.starts_at < day.starts_at + interval '24 hours'
CROSS JOIN LATERAL unnest(kept.kinds, kept.subtypes, kept.codes, kept.bounces)
    AS entry (kind, subtype, code, bounces)
GROUP BY day.starts_at, entry.kind, entry.subtype, entry.code
