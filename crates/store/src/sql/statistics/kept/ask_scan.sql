-- Has what was sent from $1 to before $2 looked through, along with what is to be looked through already. NULL: no
-- limit.
UPDATE "prefix".aftersend_figure_scan
SET scan_from = CASE WHEN scan_below IS NULL THEN coalesce($1::timestamptz, '0001-01-01T00:00:00Z')
                     ELSE least(scan_from, coalesce($1::timestamptz, '0001-01-01T00:00:00Z')) END,
    scan_below = greatest(scan_below, coalesce($2::timestamptz, '9999-01-01T00:00:00Z'))
