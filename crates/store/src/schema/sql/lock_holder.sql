-- $1 the key of an advisory lock: which session holds it, and from where.
SELECT a.pid, coalesce(nullif(a.application_name, ''), 'no name'), coalesce(host(a.client_addr), 'this machine')
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory'
  AND l.granted
  AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = $1
