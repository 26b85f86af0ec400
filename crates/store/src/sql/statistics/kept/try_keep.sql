-- $1 the keepers' lock: one at a time. Over with the transaction.
SELECT pg_catalog.pg_try_advisory_xact_lock($1)
