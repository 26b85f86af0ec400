-- $1 the kind of thing, $2 below which all is done. Nobody else's progress is taken back.
INSERT INTO "prefix".aftersend_retention AS held (kind, done_below)
VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE
SET done_below = excluded.done_below
WHERE held.done_below < excluded.done_below
