-- $1 the schema, $2 a table: how many rows it has, as PostgreSQL estimates it for its plans.
SELECT CASE
    WHEN c.reltuples >= 0 AND c.relpages > 0
    THEN (c.reltuples / c.relpages * pg_catalog.pg_relation_size(c.oid)
        / current_setting('block_size')::int)::bigint
    ELSE 0
END
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = $2
