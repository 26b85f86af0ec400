-- squawk-ignore-file ban-drop-table -- our own, read by nobody else, told again by the mails and events
DROP TABLE IF EXISTS "prefix".aftersend_figures_by_day;
DROP TABLE IF EXISTS "prefix".aftersend_figures_by_template;
DROP TABLE IF EXISTS "prefix".aftersend_figures_by_quarter;
DROP TABLE IF EXISTS "prefix".aftersend_figure_scan;
DROP TABLE IF EXISTS "prefix".aftersend_figure_marks;
