-- Settings that harm, as a new session of this user finds them; a server that does not know one leaves it out.
SELECT s.name, s.reset_val || coalesce(s.unit, '') AS value
FROM pg_catalog.pg_settings AS s
WHERE s.name IN (
    'fsync', 'full_page_writes', 'synchronous_commit', 'transaction_timeout', 'idle_session_timeout'
)
ORDER BY s.name
