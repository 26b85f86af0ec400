-- $1 quarters of an hour at most, the newest first: all their marks. What is counted in a later statement of this
-- transaction holds at least what these marks came with. The older a quarter, the longer it may wait, for $2 seconds at
-- most, so that it is counted once for many opens; but not where nobody has counted it yet. By primary keys.
WITH taken AS (
    DELETE FROM "prefix".aftersend_figure_marks AS mark
    USING (
        SELECT DISTINCT due.starts_at
        FROM "prefix".aftersend_figure_marks AS due
        WHERE due.marked_at <= now() - least((now() - due.starts_at) / 60, make_interval(secs => $2))
           OR NOT EXISTS (
               SELECT FROM "prefix".aftersend_figures_by_quarter AS quarter WHERE quarter.starts_at = due.starts_at
           )
        ORDER BY due.starts_at DESC
        LIMIT $1
    ) AS newest
    WHERE mark.starts_at = newest.starts_at
    RETURNING mark.starts_at
)
SELECT DISTINCT starts_at FROM taken ORDER BY starts_at
