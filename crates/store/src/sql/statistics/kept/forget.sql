-- $1 quarters of an hour, $2 the days of UTC that they are in: their sums, which are told anew. By primary keys.
WITH quarter AS (
    DELETE FROM "prefix".aftersend_figures_by_quarter WHERE starts_at = ANY($1::timestamptz[])
), template AS (
    DELETE FROM "prefix".aftersend_figures_by_template WHERE starts_at = ANY($1::timestamptz[])
)
DELETE FROM "prefix".aftersend_figures_by_day WHERE starts_at = ANY($2::timestamptz[])
