-- The schema that pg_trgm lives in, quoted; no row where the database has not got it.
SELECT pg_catalog.quote_ident(n.nspname)
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_trgm'
