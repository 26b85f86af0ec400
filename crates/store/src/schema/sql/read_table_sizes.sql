-- $1 the schema, $2 tables: how large each is, and how many rows it has as PostgreSQL estimates it for its plans
-- (-1 where it has never counted).
SELECT c.relname::text AS name,
       CASE
           WHEN c.reltuples < 0 THEN -1
           WHEN c.relpages = 0 THEN 0
           ELSE (c.reltuples / c.relpages * pg_catalog.pg_relation_size(c.oid)
               / current_setting('block_size')::int)::bigint
       END AS rows,
       pg_catalog.pg_relation_size(c.oid) AS rows_bytes,
       pg_catalog.pg_table_size(c.oid) AS table_bytes,
       pg_catalog.pg_indexes_size(c.oid) AS indexes_bytes,
       (SELECT count(*) FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid AND i.indisready) AS indexes
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
  AND c.relkind = 'r'
