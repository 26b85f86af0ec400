-- $1 a margin in seconds: the smallest UUIDv7 of that long ago, that of a day ahead (as far as clocks go wrong), the
-- time itself, and the end of the table's file.
SELECT (lpad(to_hex(moment_ms), 12, '0') || '70008000000000000000')::uuid,
       (lpad(to_hex(moment_ms + 86400000), 12, '0') || '70008000000000000000')::uuid,
       moment,
       '(' || pg_catalog.pg_relation_size('"prefix".phoenix_kit_email_events') / current_setting('block_size')::int
           || ',0)'
FROM (SELECT clock_timestamp() - make_interval(secs => $1) AS moment) AS now,
     LATERAL (SELECT (extract(epoch FROM moment) * 1000)::bigint AS moment_ms) AS in_ms
