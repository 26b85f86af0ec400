-- Whether step 136 made the mails' table here. An application writes to one that it did not make.
SELECT pg_catalog.obj_description('"prefix".phoenix_kit_email_logs'::pg_catalog.regclass, 'pg_class')
       IS NOT DISTINCT FROM 'made by Aftersend'
