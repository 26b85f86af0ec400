-- $1 the schema, $2 tables: their columns for text, whether a length limits each, and the collation of those that have
-- another than their type's.
SELECT c.relname::text AS table_name,
       a.attname::text AS column_name,
       a.atttypmod <> -1 AS narrow,
       CASE WHEN a.attcollation <> t.typcollation THEN format('%I.%I', k.nspname, o.collname) END AS collation_name
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation AS o ON o.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS k ON k.oid = o.collnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
  AND c.relkind IN ('r', 'p')
  AND a.atttypid IN ('pg_catalog.text'::regtype, 'pg_catalog.varchar'::regtype)
  AND a.attnum > 0
  AND NOT a.attisdropped
