-- Of mails that were sent from $1 to before $2: since when something of them has changed that was not counted since,
-- and whether there are some that nobody has counted yet. A quarter of an hour that has just begun is not worth the
-- mention. By primary keys.
SELECT least(
           now(),
           (
               SELECT min(marked_at)
               FROM "prefix".aftersend_figure_marks
               WHERE starts_at > $1::timestamptz - interval '15 minutes' AND starts_at < $2::timestamptz
           )
       ) AS counted_at,
       EXISTS (
           SELECT FROM "prefix".aftersend_figure_scan
           WHERE scan_below > $1::timestamptz AND scan_from < $2::timestamptz
       )
       OR EXISTS (
           SELECT
           FROM "prefix".aftersend_figure_marks AS mark
           WHERE mark.starts_at > $1::timestamptz - interval '15 minutes'
             AND mark.starts_at < least($2::timestamptz, now() - interval '1 hour')
             AND NOT EXISTS (
                 SELECT FROM "prefix".aftersend_figures_by_quarter AS quarter
                 WHERE quarter.starts_at = mark.starts_at
             )
       ) AS is_counting
