-- $1 the schema, $2 tables: their constraints but NOT NULL, which PostgreSQL 18 counts among them.
SELECT c.relname::text AS table_name,
       k.conname::text AS name,
       k.contype::text AS kind,
       k.convalidated AS validated,
       ARRAY(
           SELECT a.attname::text
           FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS key (number, place)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = key.number
           ORDER BY key.place
       ) AS columns,
       -- Only a table of this schema is one of the contract's.
       CASE WHEN t.relnamespace = c.relnamespace THEN t.relname::text ELSE k.confrelid::regclass::text END AS to_table,
       ARRAY(
           SELECT a.attname::text
           FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS key (number, place)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = key.number
           ORDER BY key.place
       ) AS to_columns,
       k.confdeltype = 'c' AS cascades
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = k.confrelid
WHERE n.nspname = $1
  AND c.relname = ANY($2)
  AND k.contype IN ('p', 'u', 'f', 'c', 'x')
ORDER BY c.relname, k.conname
