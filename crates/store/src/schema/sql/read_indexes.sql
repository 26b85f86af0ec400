-- $1 the schema, $2 names: the indexes of those names, and what each does.
SELECT c.relname::text AS name,
       i.indisvalid AS valid,
       i.indisunique AS unique,
       m.amname::text AS method,
       ARRAY(
           SELECT pg_catalog.pg_get_indexdef(i.indexrelid, place, true)
           FROM pg_catalog.generate_series(1, i.indnkeyatts::int) AS place
           ORDER BY place
       ) AS columns,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
