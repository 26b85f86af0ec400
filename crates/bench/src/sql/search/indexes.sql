-- The indexes of both tables that belong to no constraint, and how to make each.
SELECT format('DROP INDEX %s', index.indexrelid::regclass) AS drop, pg_get_indexdef(index.indexrelid) AS make
FROM pg_index AS index
WHERE index.indrelid IN ('public.phoenix_kit_email_logs'::regclass, 'public.phoenix_kit_email_events'::regclass)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE pg_constraint.conindid = index.indexrelid)
ORDER BY index.indexrelid
