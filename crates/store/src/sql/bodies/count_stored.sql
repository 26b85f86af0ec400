-- How many bodies are stored, and how many bytes they and what belongs to them take.
SELECT (SELECT count(*) FROM "prefix".aftersend_bodies) AS bodies,
       (SELECT count(*) FROM "prefix".aftersend_shared_bodies) AS shared,
       (SELECT count(*) FROM "prefix".aftersend_body_dictionaries) AS dictionaries,
       (SELECT coalesce(sum(bytes), 0)::bigint FROM "prefix".aftersend_bodies) AS body_bytes,
       pg_total_relation_size('"prefix".aftersend_bodies'::regclass)
           + pg_total_relation_size('"prefix".aftersend_shared_bodies'::regclass)
           + pg_total_relation_size('"prefix".aftersend_body_dictionaries'::regclass)
           + pg_total_relation_size('"prefix".aftersend_kept_bodies'::regclass) AS stored_bytes
