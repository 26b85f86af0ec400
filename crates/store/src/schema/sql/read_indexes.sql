-- $1 the schema, $2 names: what goes by those names, and what each does as an index.
SELECT c.relname::text AS name,
       i.indexrelid IS NOT NULL AS is_index,
       t.relname::text AS table_name,
       i.indisvalid AS valid,
       i.indisunique AS unique,
       m.amname || CASE m.amname WHEN 'gin' THEN ' ' || o.opcname ELSE '' END AS kind,
       ARRAY(
           SELECT pg_catalog.pg_get_indexdef(i.indexrelid, place, true)
           FROM pg_catalog.generate_series(1, i.indnkeyatts::int) AS place
           ORDER BY place
       ) AS columns,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
LEFT JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
LEFT JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[0]
WHERE n.nspname = $1
  AND c.relname = ANY($2)
