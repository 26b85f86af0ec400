-- Marks quarters of an hour with mails, or with sums that may be of mails that are gone, from the newest of the scan's
-- range down, $1 of those with mails at most: one look into sent_at_idx for each. The range ends where it comes to, unless
-- somebody has asked for more meanwhile: the row is another one then, even where it says the same, and what has been
-- written before that may not have been seen.
WITH RECURSIVE scan AS (
    SELECT scan_from, scan_below, xmin AS version
    FROM "prefix".aftersend_figure_scan
    WHERE scan_below IS NOT NULL
), found AS (
    SELECT newest.starts_at, 1::bigint AS number
    FROM scan
    CROSS JOIN LATERAL (
        SELECT date_bin('15 minutes', sent_at, '2000-01-01T00:00:00Z') AS starts_at
        FROM "prefix".phoenix_kit_email_logs
        WHERE sent_at < scan.scan_below AND sent_at >= scan.scan_from
        ORDER BY sent_at DESC
        LIMIT 1
    ) AS newest
    UNION ALL
    SELECT older.starts_at, found.number + 1
    FROM found
    CROSS JOIN scan
    CROSS JOIN LATERAL (
        SELECT date_bin('15 minutes', sent_at, '2000-01-01T00:00:00Z') AS starts_at
        FROM "prefix".phoenix_kit_email_logs
        WHERE sent_at < found.starts_at AND sent_at >= scan.scan_from
        ORDER BY sent_at DESC
        LIMIT 1
    ) AS older
    WHERE found.number < $1
), page AS (
    SELECT count(*) >= $1 AS is_full, min(starts_at) AS oldest FROM found
), left_over AS (
    UPDATE "prefix".aftersend_figure_scan AS stands
    SET scan_below = CASE WHEN page.is_full THEN page.oldest END
    FROM page
    CROSS JOIN scan
    WHERE stands.xmin = scan.version
), marked AS (
    INSERT INTO "prefix".aftersend_figure_marks (starts_at)
    SELECT starts_at FROM found
    UNION
    SELECT quarter.starts_at
    FROM scan
    CROSS JOIN page
    JOIN "prefix".aftersend_figures_by_quarter AS quarter
        ON quarter.starts_at > CASE WHEN page.is_full THEN page.oldest ELSE scan.scan_from END - interval '15 minutes'
       AND quarter.starts_at < scan.scan_below
    RETURNING starts_at
)
SELECT count(*) AS marked FROM marked
