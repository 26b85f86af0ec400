-- $1 the schema, $2 a table, $3 columns of it, $4 names of indexes that are known: the others that limit how long a
-- value of the column may be. B-trees and BRIN hold values in their entries; hashes and trigrams are short.
-- https://www.postgresql.org/docs/current/btree.html
SELECT x.relname::text, a.attname::text
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = x.relam AND m.amname IN ('btree', 'brin')
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey::int2[])
WHERE n.nspname = $1
  AND c.relname = $2
  AND a.attname = ANY($3)
  AND a.attnum > 0
  AND x.relname <> ALL($4)
ORDER BY x.relname, a.attnum
