-- $1 the schema: tables and indexes of our own, and columns of our own in other tables. An index that is no use is none.
SELECT c.relname::text AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
WHERE n.nspname = $1
  AND c.relname LIKE 'aftersend\_%'
  AND (c.relkind = 'r' OR i.indisvalid)
UNION ALL
SELECT c.relname || '.' || a.attname
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relkind = 'r'
  AND a.attname LIKE 'aftersend\_%'
  AND NOT a.attisdropped
