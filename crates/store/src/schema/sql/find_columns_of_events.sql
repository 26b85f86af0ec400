-- The columns of events that a row can be given values for: as a list, the same of a row named "event", and with
-- their defaults as the arguments of jsonb_build_object.
SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
       string_agg('event.' || quote_ident(a.attname), ', ' ORDER BY a.attnum),
       coalesce(string_agg(
           quote_literal(a.attname) || ', ' || CASE
               -- Numbered by a sequence, which is no default in the catalog.
               WHEN a.attidentity <> '' THEN format('pg_catalog.nextval(%L)', pg_catalog.pg_get_serial_sequence(
                   '"prefix".phoenix_kit_email_events', a.attname
               ))
               ELSE pg_catalog.pg_get_expr(d.adbin, d.adrelid)
           END,
           ', ' ORDER BY a.attnum
       ), '')
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = '"prefix".phoenix_kit_email_events'::regclass
  AND a.attnum > 0
  AND NOT a.attisdropped
  AND a.attgenerated = ''
