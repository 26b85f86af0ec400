-- Every object of the schema, one line each: tables, columns in their order, indexes, constraints, functions,
-- sequences, triggers, and what is written about each.
WITH own AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.reloptions, c.relpersistence, c.relacl
    FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace('"prefix"')
)
SELECT line
FROM (
    SELECT format('%s %s %s %s %s: %s', CASE relkind WHEN 'r' THEN 'table' WHEN 'i' THEN 'index' ELSE relkind::text END,
                  name, relpersistence, reloptions, relacl, obj_description(oid, 'pg_class')) AS line
    FROM own
    UNION ALL
    SELECT format('column %s.%s %s %s %s default %s generated %s identity %s collation %s: %s', own.name,
                  row_number() OVER (PARTITION BY own.oid ORDER BY a.attnum), a.attname,
                  format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END,
                  pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, a.attcollation,
                  col_description(own.oid, a.attnum))
    FROM own
    JOIN pg_attribute AS a ON a.attrelid = own.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = own.oid AND d.adnum = a.attnum
    WHERE own.relkind IN ('r', 'S')
    UNION ALL
    SELECT format('definition %s valid %s ready %s', pg_get_indexdef(own.oid), i.indisvalid, i.indisready)
    FROM own
    JOIN pg_index AS i ON i.indexrelid = own.oid
    UNION ALL
    SELECT format('constraint %s.%s %s validated %s: %s', own.name, k.conname, pg_get_constraintdef(k.oid),
                  k.convalidated, obj_description(k.oid, 'pg_constraint'))
    FROM own
    JOIN pg_constraint AS k ON k.conrelid = own.oid
    UNION ALL
    SELECT format('function %s: %s', pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'))
    FROM pg_proc AS p
    WHERE p.pronamespace = to_regnamespace('"prefix"')
    UNION ALL
    SELECT format('trigger %s', pg_get_triggerdef(t.oid))
    FROM own
    JOIN pg_trigger AS t ON t.tgrelid = own.oid AND NOT t.tgisinternal
) AS object
ORDER BY line COLLATE "C"
