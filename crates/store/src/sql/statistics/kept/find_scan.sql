-- Whether something is to be looked through for quarters to mark, and what time it is.
SELECT now() AS at,
       EXISTS (SELECT FROM "prefix".aftersend_figure_scan WHERE scan_below IS NOT NULL) AS is_scanning
