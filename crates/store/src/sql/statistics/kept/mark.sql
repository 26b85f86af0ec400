-- $1 quarters of an hour whose mails this transaction changes.
INSERT INTO "prefix".aftersend_figure_marks (starts_at)
SELECT * FROM unnest($1::timestamptz[])
