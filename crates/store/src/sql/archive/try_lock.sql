-- $1 the archivers' lock: one at a time. Over with the session.
SELECT pg_catalog.pg_try_advisory_lock($1)
