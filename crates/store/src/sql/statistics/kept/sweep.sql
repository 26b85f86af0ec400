-- Has the last hours looked through, $1 of them, where that was not done within the last $2 seconds and nothing else is
-- to be looked through: for what an application has written, or removed, by itself.
UPDATE "prefix".aftersend_figure_scan
SET scan_from = now() - make_interval(hours => $1), scan_below = '9999-01-01T00:00:00Z', swept_at = now()
WHERE scan_below IS NULL
  AND swept_at < now() - make_interval(secs => $2)
