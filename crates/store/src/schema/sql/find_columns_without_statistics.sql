-- $1 the schema, $2 a table, $3 columns of it: those that the planner knows nothing about, where there may be rows.
SELECT a.attname::text
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = $2
  AND a.attname = ANY($3)
  AND NOT a.attisdropped
  AND pg_catalog.pg_relation_size(c.oid) > 0
  AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_stats AS known
      WHERE known.schemaname = n.nspname
        AND known.tablename = c.relname
        AND known.attname = a.attname
  )
ORDER BY a.attnum
