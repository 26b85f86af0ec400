-- $1 uuids; $2 bodies, compressed without a dictionary: in the mail's own row, where they take least.
UPDATE phoenix_kit_email_logs AS m
SET bench_body = given.body
FROM unnest($1::uuid[], $2::bytea[]) AS given (uuid, body)
WHERE m.uuid = given.uuid
