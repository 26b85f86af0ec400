-- How many bodies are stored, as far as the statistics know: for who is about to go through them all. No row is read.
SELECT CASE
           WHEN c.reltuples < 0 OR c.relpages = 0 THEN pg_catalog.pg_stat_get_live_tuples(c.oid)
           ELSE (c.reltuples / c.relpages * pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::int)::bigint
       END AS bodies
FROM pg_catalog.pg_class AS c
WHERE c.oid = '"prefix".aftersend_bodies'::regclass
