-- $1 the schema, $2 a table, $3 a column of it: what keeps the column's type from being changed.
SELECT DISTINCT
    CASE WHEN v.oid IS NOT NULL AND d.classid = 'pg_catalog.pg_rewrite'::regclass
         THEN 'the view ' || v.oid::regclass::text
         WHEN f.oid IS NOT NULL
         THEN 'the foreign key ' || f.conname || ' of ' || f.conrelid::regclass::text
         ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
    END AS name
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_class AS c ON c.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
LEFT JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
LEFT JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class
LEFT JOIN pg_catalog.pg_constraint AS f
    ON f.oid = d.objid AND d.classid = 'pg_catalog.pg_constraint'::regclass AND f.contype = 'f'
WHERE n.nspname = $1
  AND c.relname = $2
  AND a.attname = $3
  AND (r.oid IS NOT NULL
       OR f.oid IS NOT NULL
       OR d.classid IN ('pg_catalog.pg_trigger'::regclass, 'pg_catalog.pg_policy'::regclass)
       OR EXISTS (
           SELECT FROM pg_catalog.pg_attrdef AS g
           JOIN pg_catalog.pg_attribute AS computed ON computed.attrelid = g.adrelid AND computed.attnum = g.adnum
           WHERE g.oid = d.objid
             AND d.classid = 'pg_catalog.pg_attrdef'::regclass
             AND computed.attgenerated <> ''
       ))
ORDER BY name
