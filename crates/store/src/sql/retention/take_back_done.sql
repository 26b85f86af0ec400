-- $1 when the earliest of the events occurred that this transaction writes, $2 seconds before that to which progress is taken
-- back. Where it has not come as far as these events yet, no row is touched, nor waited for. In the order of kinds.
WITH behind AS MATERIALIZED (
    SELECT kind
    FROM "prefix".aftersend_retention
    WHERE done_below >= $1
    ORDER BY kind
    FOR NO KEY UPDATE
)
UPDATE "prefix".aftersend_retention AS held
SET done_below = $1 - make_interval(secs => $2)
FROM behind
WHERE held.kind = behind.kind
  AND held.done_below >= $1
