-- squawk-ignore-file ban-drop-table -- our own, read by nobody else, told again by the mails and events
DROP TABLE IF EXISTS "prefix".aftersend_links_by_template;
DROP TABLE IF EXISTS "prefix".aftersend_links_by_quarter;
DROP TABLE IF EXISTS "prefix".aftersend_bounces_by_day;
DROP TABLE IF EXISTS "prefix".aftersend_bounces_by_quarter;
DROP TABLE IF EXISTS "prefix".aftersend_domains_by_template;
DROP TABLE IF EXISTS "prefix".aftersend_domains_by_day;
DROP TABLE IF EXISTS "prefix".aftersend_domains_by_quarter;
