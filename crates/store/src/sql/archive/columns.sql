-- $1 a table of this schema: the columns that a row can be given values for: as a list, the same of a row named held, with
-- their defaults as the arguments of jsonb_build_object; and all columns by name.
SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS columns,
       string_agg('held.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS values,
       coalesce(string_agg(
           quote_literal(a.attname) || ', ' || CASE
               -- Numbered by a sequence, which is no default in the catalog.
               WHEN a.attidentity <> '' THEN format('pg_catalog.nextval(%L)', pg_catalog.pg_get_serial_sequence(
                   format('%I.%I', n.nspname, c.relname), a.attname
               ))
               ELSE pg_catalog.pg_get_expr(d.adbin, d.adrelid)
           END,
           ', ' ORDER BY a.attnum
       ) FILTER (WHERE a.attgenerated = ''), '') AS defaults,
       array_agg(a.attname::text ORDER BY a.attnum) AS names
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE n.nspname = 'prefix'
  AND c.relname = $1
  AND a.attnum > 0
  AND NOT a.attisdropped
