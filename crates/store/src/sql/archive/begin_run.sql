-- $1 where to.
INSERT INTO "prefix".aftersend_archive_runs (store) VALUES ($1) RETURNING number
