-- $1 per cent of the pages of compressed bodies: how many there are, and how long they were.
SELECT count(*) AS bodies,
       count(*) FILTER (WHERE body.shared_id IS NOT NULL) AS shared,
       coalesce(sum(body.bytes), 0)::bigint AS bytes
FROM "prefix".aftersend_bodies AS body TABLESAMPLE SYSTEM ($1) REPEATABLE (1)
