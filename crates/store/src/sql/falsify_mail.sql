-- $1 the mail: the demo's check must notice that the status is no longer what its events say.
UPDATE "prefix".phoenix_kit_email_logs
SET status = 'queued'
WHERE uuid = $1
