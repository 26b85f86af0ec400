-- $1 rows at most. Each table of mail in the schema, and apart from it what holds its long values (TOAST): how large it is, how
-- many rows it has as PostgreSQL estimates it, how many of its rows are dead, when it was last vacuumed and how many dead rows
-- have autovacuum come. From the catalog, the statistics and the sizes of files: no row is read.
-- What sets autovacuum off: https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM
WITH ours AS (
    SELECT c.oid, c.relname, c.reltoastrelid
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'prefix'
      AND c.relkind = 'r'
      AND (c.relname LIKE 'phoenix\_kit\_email\_%' OR c.relname LIKE 'aftersend\_%')
    ORDER BY c.relname
    LIMIT $1
),
parts AS (
    SELECT relname AS name, false AS holds_long_values, oid FROM ours
    UNION ALL
    SELECT relname, true, reltoastrelid FROM ours WHERE reltoastrelid <> 0
),
settings AS (
    SELECT current_setting('block_size')::int AS block_bytes,
           current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean AS is_on,
           current_setting('autovacuum_vacuum_threshold')::float8 AS threshold,
           current_setting('autovacuum_vacuum_scale_factor')::float8 AS scale,
           -- Of PostgreSQL 18 on; -1 for none.
           nullif(current_setting('autovacuum_vacuum_max_threshold', true)::float8, -1) AS threshold_max
)
SELECT parts.name::text,
       parts.holds_long_values,
       CASE
           WHEN c.reltuples < 0 OR c.relpages = 0 THEN pg_catalog.pg_stat_get_live_tuples(c.oid)
           ELSE (c.reltuples / c.relpages * pg_catalog.pg_relation_size(c.oid) / settings.block_bytes)::bigint
       END AS rows,
       pg_catalog.pg_relation_size(c.oid) / settings.block_bytes AS pages,
       -- What maps the free room and the visible pages belongs to the rows.
       pg_catalog.pg_table_size(c.oid)
           - coalesce(pg_catalog.pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS row_bytes,
       pg_catalog.pg_indexes_size(c.oid) AS index_bytes,
       pg_catalog.pg_stat_get_live_tuples(c.oid) AS live_rows,
       pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead_rows,
       pg_catalog.pg_stat_get_last_autovacuum_time(c.oid) AS autovacuumed_at,
       pg_catalog.pg_stat_get_last_vacuum_time(c.oid) AS vacuumed_at,
       CASE WHEN settings.is_on AND coalesce(own.is_on, true)
           THEN least(coalesce(own.threshold, settings.threshold)
                          + coalesce(own.scale, settings.scale) * greatest(c.reltuples, 0),
                      coalesce(own.threshold_max, settings.threshold_max))::bigint
       END AS vacuum_from
FROM parts
JOIN pg_catalog.pg_class AS c ON c.oid = parts.oid
CROSS JOIN settings
CROSS JOIN LATERAL (
    SELECT max(option_value) FILTER (WHERE option_name = 'autovacuum_enabled')::boolean AS is_on,
           max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_threshold')::float8 AS threshold,
           max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_scale_factor')::float8 AS scale,
           nullif(max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_max_threshold')::float8, -1)
               AS threshold_max
    FROM pg_catalog.pg_options_to_table(c.reloptions)
) AS own
ORDER BY parts.name, parts.holds_long_values
