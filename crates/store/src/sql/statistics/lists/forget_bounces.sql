-- $1 days of UTC, whose reasons of bounces are told anew. By primary key.
DELETE FROM "prefix".aftersend_bounces_by_day WHERE starts_at = ANY($1::timestamptz[])
