-- squawk-ignore-file ban-drop-table -- our own, and empty unless told to lose what is in them
DROP TABLE IF EXISTS "prefix".aftersend_kept_bodies;
DROP TABLE IF EXISTS "prefix".aftersend_bodies;
DROP TABLE IF EXISTS "prefix".aftersend_shared_bodies;
DROP TABLE IF EXISTS "prefix".aftersend_body_dictionaries;
