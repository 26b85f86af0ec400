-- $1 the schema, $2 a table, $3 columns of it that become text, $4 whether what failed builds have left counts, which
-- earlier steps tidy up: what uses the columns and stands in the way.
-- PostgreSQL refuses to change the type of a column that a view, a rule, a trigger, a policy, a function's body, a
-- generated column or a row in another table uses. It rebuilds indexes and checks constraints anew, with writers kept
-- out, where it can't tell that they say the same of text: always those with a predicate or an expression.
-- https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/commands/indexcmds.c (CheckIndexCompatible)
WITH RECURSIVE changed AS (
    SELECT c.oid AS relation, c.reltype AS row_type, a.attnum AS number, a.attname::text AS name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
    WHERE n.nspname = $1
      AND c.relname = $2
      AND c.relkind IN ('r', 'p')
      AND a.attname = ANY($3)
      AND a.attnum > 0
      AND NOT a.attisdropped
), direct AS (
    SELECT d.classid, d.objid, d.objsubid, changed.relation, changed.number, changed.name
    FROM changed
    JOIN pg_catalog.pg_depend AS d
        ON d.refclassid = 'pg_catalog.pg_class'::regclass
        AND d.refobjid = changed.relation
        AND d.refobjsubid = changed.number
), rules AS (
    -- Views over views must go with them.
    SELECT r.oid AS rule, r.ev_class AS relation, direct.relation AS over, direct.number
    FROM direct
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = direct.objid AND direct.classid = 'pg_catalog.pg_rewrite'::regclass
    UNION
    SELECT r.oid, r.ev_class, v.oid, NULL
    FROM rules
    JOIN pg_catalog.pg_class AS v ON v.oid = rules.relation AND v.relkind IN ('v', 'm')
    JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = v.oid
    JOIN pg_catalog.pg_rewrite AS r
        ON r.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.ev_class <> v.oid
), row_types AS (
    SELECT DISTINCT row_type AS type FROM changed
    UNION
    SELECT CASE WHEN d.classid = 'pg_catalog.pg_type'::regclass THEN d.objid ELSE c.reltype END
    FROM row_types
    JOIN pg_catalog.pg_depend AS d
        ON d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid = row_types.type
    LEFT JOIN pg_catalog.pg_class AS c
        ON c.oid = d.objid AND d.classid = 'pg_catalog.pg_class'::regclass AND c.relkind IN ('c', 'v')
    WHERE d.classid = 'pg_catalog.pg_type'::regclass
       OR c.oid IS NOT NULL
), used_indexes AS (
    SELECT coalesce(k.conindid, c.oid) AS index, direct.number, direct.name
    FROM direct
    LEFT JOIN pg_catalog.pg_class AS c
        ON c.oid = direct.objid AND direct.classid = 'pg_catalog.pg_class'::regclass AND c.relkind IN ('i', 'I')
    LEFT JOIN pg_catalog.pg_constraint AS k
        ON k.oid = direct.objid AND direct.classid = 'pg_catalog.pg_constraint'::regclass
        AND k.contype IN ('p', 'u', 'x')
    WHERE c.oid IS NOT NULL
       OR k.oid IS NOT NULL
), found AS (
    SELECT 'pg_catalog.pg_class'::regclass AS class, rules.relation AS object, 0 AS part,
           'over ' || coalesce(changed.name, over.identity) AS use,
           pg_catalog.format('SELECT pg_get_viewdef(%s)', rules.relation) AS definition
    FROM rules
    JOIN pg_catalog.pg_class AS v ON v.oid = rules.relation AND v.relkind IN ('v', 'm')
    LEFT JOIN changed ON changed.relation = rules.over AND changed.number = rules.number
    JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_class'::regclass, rules.over, 0) AS over ON true
    UNION ALL
    SELECT 'pg_catalog.pg_rewrite'::regclass, rules.rule, 0, 'on ' || coalesce(changed.name, over.identity),
           pg_catalog.format('SELECT pg_get_ruledef(%s)', rules.rule)
    FROM rules
    JOIN pg_catalog.pg_class AS v ON v.oid = rules.relation AND v.relkind NOT IN ('v', 'm')
    LEFT JOIN changed ON changed.relation = rules.over AND changed.number = rules.number
    JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_class'::regclass, rules.over, 0) AS over ON true
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid, 0,
           'on ' || used.name || ': '
           || CASE
                  WHEN i.indpred IS NOT NULL THEN 'it is partial, and would be built anew without writers'
                  WHEN i.indexprs IS NOT NULL THEN 'it holds an expression, and would be built anew without writers'
                  WHEN NOT i.indisvalid THEN 'it is invalid, and would be built anew without writers'
                  ELSE 'its operators are those of varchar, and it would be built anew without writers'
              END,
           pg_catalog.format('SELECT pg_get_indexdef(%s)', i.indexrelid)
    FROM used_indexes AS used
    JOIN pg_catalog.pg_index AS i ON i.indexrelid = used.index
    WHERE i.indpred IS NOT NULL
       OR i.indexprs IS NOT NULL
       OR (NOT i.indisvalid AND $4::bool)
       -- A class that is the default of varchar alone gives way to text's.
       OR EXISTS (
           SELECT
           FROM ROWS FROM (pg_catalog.unnest(i.indkey::int2[]), pg_catalog.unnest(i.indclass::oid[]))
               AS part (column_number, class_oid)
           JOIN pg_catalog.pg_opclass AS o ON o.oid = part.class_oid
           JOIN pg_catalog.pg_type AS t ON t.oid = o.opcintype
           WHERE part.column_number = used.number
             AND ((o.opcdefault AND o.opcintype = 'pg_catalog.varchar'::regtype) OR t.typtype = 'p')
       )
    UNION ALL
    SELECT direct.classid, direct.objid, 0,
           'on ' || direct.name || ': '
           || CASE k.contype
                  WHEN 'c' THEN 'every row would be checked anew without writers'
                  ELSE 'its other table would be locked, too'
              END,
           pg_catalog.format('SELECT pg_get_constraintdef(%s)', k.oid)
    FROM direct
    JOIN pg_catalog.pg_constraint AS k
        ON k.oid = direct.objid AND direct.classid = 'pg_catalog.pg_constraint'::regclass
    WHERE (k.contype = 'c' AND k.convalidated)
       OR k.contype = 'f'
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, g.adrelid, g.adnum, 'computed from ' || direct.name,
           pg_catalog.format('SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE oid = %s', g.oid)
    FROM direct
    JOIN pg_catalog.pg_attrdef AS g ON g.oid = direct.objid AND direct.classid = 'pg_catalog.pg_attrdef'::regclass
    -- A column's own default goes along.
    WHERE (g.adrelid, g.adnum) <> (direct.relation, direct.number)
    UNION ALL
    SELECT direct.classid, direct.objid, 0, 'on ' || direct.name,
           CASE direct.classid
               WHEN 'pg_catalog.pg_trigger'::regclass THEN pg_catalog.format('SELECT pg_get_triggerdef(%s)', direct.objid)
               WHEN 'pg_catalog.pg_proc'::regclass THEN pg_catalog.format('SELECT pg_get_functiondef(%s)', direct.objid)
           END
    FROM direct
    LEFT JOIN pg_catalog.pg_class AS c
        ON c.oid = direct.objid AND direct.classid = 'pg_catalog.pg_class'::regclass
    -- Whatever else there is, in this version of PostgreSQL or a later one.
    WHERE direct.classid NOT IN (
              'pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_constraint'::regclass,
              'pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_statistic_ext'::regclass
          )
      AND (c.oid IS NULL OR c.relkind NOT IN ('i', 'I', 'S'))
    UNION ALL
    SELECT d.classid, d.objid, d.objsubid, 'holds rows of ' || $2::text, NULL
    FROM row_types
    JOIN pg_catalog.pg_depend AS d
        ON d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid = row_types.type
    JOIN pg_catalog.pg_class AS c
        ON c.oid = d.objid AND d.classid = 'pg_catalog.pg_class'::regclass AND c.relkind IN ('r', 'm', 'p')
    WHERE d.objsubid <> 0
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, heir.relative, 0, heir.use, NULL
    FROM (SELECT DISTINCT relation FROM changed) AS own
    JOIN LATERAL (
        SELECT inhrelid AS relative, 'inherits from ' || $2::text AS use
        FROM pg_catalog.pg_inherits WHERE inhparent = own.relation
        UNION ALL
        SELECT inhparent, 'is inherited by ' || $2::text
        FROM pg_catalog.pg_inherits WHERE inhrelid = own.relation
    ) AS heir ON true
)
SELECT what.type || ' ' || what.identity AS name,
       pg_catalog.string_agg(DISTINCT found.use, ', ') AS uses,
       pg_catalog.min(found.definition) AS definition
FROM found
JOIN LATERAL pg_catalog.pg_identify_object(found.class, found.object, found.part) AS what ON true
GROUP BY what.type, what.identity
ORDER BY what.type, what.identity
