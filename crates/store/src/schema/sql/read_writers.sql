-- $1 the schema, $2 the server process of a build: whether it waits for transactions, and those that write to events.
-- Always a row. From the locks alone, since a session whose role was changed may not even see its own progress.
SELECT EXISTS (
           SELECT
           FROM pg_catalog.pg_locks AS asked
           WHERE asked.pid = $2
             AND asked.locktype = 'virtualxid'
             AND NOT asked.granted
       ) AS waits,
       writer.virtualtransaction
FROM (SELECT) AS always
LEFT JOIN (
    SELECT held.virtualtransaction
    FROM pg_catalog.pg_locks AS held
    JOIN pg_catalog.pg_class AS c ON c.oid = held.relation
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_stat_activity AS session ON session.pid = held.pid
    WHERE held.granted
      AND held.locktype = 'relation'
      AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND held.mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareLock')
      AND held.pid IS DISTINCT FROM $2
      AND session.application_name IS DISTINCT FROM 'aftersend migrate, gate'
      AND n.nspname = $1
      AND c.relname = 'phoenix_kit_email_events'
) AS writer ON true
