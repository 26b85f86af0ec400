-- $1 the kind of thing, $2 below which all is done, $3 the version of the row that this run knows, NULL where there was none.
-- Nobody else's progress is taken back; and where somebody has written the row since, it stays: progress was taken back to
-- before events that this run may have passed, or another run is further and knows of these.
INSERT INTO "prefix".aftersend_retention AS held (kind, done_below)
VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE
SET done_below = excluded.done_below
WHERE held.done_below < excluded.done_below
  AND held.xmin::text::bigint = $3
RETURNING held.xmin::text::bigint AS version
