-- All tables with their indexes and TOAST.
SELECT sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r'
