-- $1 the schema, $2 names, $3 tables: what goes by those names or is an index of those tables, and what each does.
SELECT c.relname::text AS name,
       i.indexrelid IS NOT NULL AS is_index,
       t.relname::text AS table_name,
       i.indisvalid AS valid,
       i.indisready AS ready,
       i.indisunique AS unique,
       i.indisprimary AS primary,
       (
           SELECT build.pid
           FROM pg_catalog.pg_stat_progress_create_index AS build
           WHERE build.datid = (
                   SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
               )
             AND build.pid <> pg_catalog.pg_backend_pid()
             AND (
                 build.index_relid = c.oid
                 -- What another user builds is hidden from us, but for the lock that a build holds on its table.
                 OR build.relid IS NULL AND EXISTS (
                     SELECT
                     FROM pg_catalog.pg_locks AS held
                     WHERE held.pid = build.pid
                       AND held.locktype = 'relation'
                       AND held.database = build.datid
                       AND held.relation = i.indrelid
                       AND held.mode = 'ShareUpdateExclusiveLock'
                       AND held.granted
                 )
             )
           LIMIT 1
       ) AS builder,
       m.amname::text AS method,
       keys.columns,
       keys.operators,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       k.conname::text AS constraint_name,
       m.amname = 'btree' AND keys.sorted AS sorted,
       m.amname = 'btree' AND keys.other_operators AS other_operators,
       keys.other_collation,
       i.indnatts > i.indnkeyatts AS more_columns,
       i.indnullsnotdistinct AS nulls_equal,
       NOT i.indimmediate AS deferrable
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
LEFT JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN LATERAL (
    -- An expression has no column; what it computes is printed in its place.
    SELECT pg_catalog.array_agg(
               coalesce(a.attname::text, pg_catalog.pg_get_indexdef(i.indexrelid, place::int, true)) ORDER BY place
           ) AS columns,
           (pg_catalog.array_agg(o.opcname::text ORDER BY place))[1] AS operators,
           pg_catalog.bool_or(sorting <> 0) AS sorted,
           -- Classes of one family sort alike: varchar_ops is text_ops, and text_pattern_ops is not.
           pg_catalog.bool_or(NOT EXISTS (
               SELECT FROM pg_catalog.pg_opclass AS usual
               WHERE usual.opcfamily = o.opcfamily
                 AND usual.opcdefault
           )) AS other_operators,
           pg_catalog.bool_or(a.attnum IS NOT NULL AND a.attcollation <> collation_oid) AS other_collation
    FROM ROWS FROM (
        pg_catalog.unnest(i.indkey::int2[]),
        pg_catalog.unnest(i.indclass::oid[]),
        pg_catalog.unnest(i.indcollation::oid[]),
        pg_catalog.unnest(i.indoption::int2[])
    ) WITH ORDINALITY AS part (column_number, class_oid, collation_oid, sorting, place)
    LEFT JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = i.indrelid AND a.attnum = column_number AND column_number <> 0
    LEFT JOIN pg_catalog.pg_opclass AS o ON o.oid = class_oid
    WHERE place <= i.indnkeyatts
) AS keys ON true
WHERE n.nspname = $1
  AND (c.relname = ANY($2) OR t.relname = ANY($3))
ORDER BY c.relname
