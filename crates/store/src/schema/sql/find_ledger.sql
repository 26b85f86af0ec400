-- $1 the schema: a row if it has the table of own steps.
SELECT
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = 'aftersend_steps'
