-- squawk-ignore-file ban-drop-table -- our own, read by nobody else, made again from the events
DROP TABLE IF EXISTS "prefix".aftersend_recipients;
