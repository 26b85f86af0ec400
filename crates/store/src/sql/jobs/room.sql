-- $1 tables: what their files hold, as far as PostgreSQL's statistics say. What of a heap is free is told by subtracting what its
-- rows should take, by their number and the mean width of their values.
SELECT
    c.relname::text AS name,
    pg_catalog.pg_table_size(c.oid) AS table_bytes,
    pg_catalog.pg_indexes_size(c.oid) AS index_bytes,
    coalesce(s.n_live_tup, 0) AS live_rows,
    coalesce(s.n_dead_tup, 0) AS dead_rows,
    greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at,
    CASE
        WHEN c.reltuples >= 0 AND w.row_bytes IS NOT NULL
            THEN
                greatest(
                    0,
                    pg_catalog.pg_relation_size(c.oid)
                    - c.reltuples * (28 + w.row_bytes) * 100 / coalesce(f.fillfactor, 100)
                )::bigint
    END AS free_bytes
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid
LEFT JOIN LATERAL (
    SELECT sum(p.avg_width * (1 - p.null_frac))::double precision AS row_bytes
    FROM pg_catalog.pg_stats AS p
    WHERE p.schemaname = n.nspname AND p.tablename = c.relname
) AS w ON true
LEFT JOIN LATERAL (
    SELECT o.option_value::double precision AS fillfactor
    FROM pg_catalog.pg_options_to_table(c.reloptions) AS o
    WHERE o.option_name = 'fillfactor'
) AS f ON true
WHERE n.nspname = 'prefix' AND c.relname = ANY ($1) AND c.relkind = 'r'
ORDER BY table_bytes DESC
