-- What is in the objects of the archive, as far as is known here: one row for thousands of mails.
SELECT count(*) FILTER (WHERE object.state IN ('verified', 'deleted')) AS objects,
       coalesce(sum(object.bytes) FILTER (WHERE object.state IN ('verified', 'deleted')), 0)::bigint AS bytes,
       coalesce(sum(object.content_bytes) FILTER (WHERE object.state IN ('verified', 'deleted')), 0)::bigint AS content_bytes,
       coalesce(sum(object.events) FILTER (WHERE object.state IN ('verified', 'deleted')), 0)::bigint AS events,
       min(object.first_sent_at) FILTER (WHERE object.state IN ('verified', 'deleted')) AS first_sent_at,
       max(object.last_sent_at) FILTER (WHERE object.state IN ('verified', 'deleted')) AS last_sent_at,
       count(*) FILTER (WHERE object.state = 'written' OR (object.state = 'abandoned' AND object.deleted_at IS NULL)) AS leftovers
FROM "prefix".aftersend_archive_objects AS object
