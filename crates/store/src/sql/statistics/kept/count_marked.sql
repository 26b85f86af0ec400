-- How many quarters of an hour are marked since $1 or before.
SELECT count(DISTINCT starts_at) AS marked FROM "prefix".aftersend_figure_marks WHERE marked_at <= $1
