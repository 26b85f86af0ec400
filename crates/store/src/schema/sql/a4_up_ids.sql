-- Step a4: mails made from events that an application may yet log are looked through for that. A table of our own, in
-- which nothing stands before this step.
-- squawk-ignore-file require-concurrent-index-creation -- nothing stands in it yet, so it is made in a moment
CREATE INDEX IF NOT EXISTS aftersend_ids_created_idx ON "prefix".aftersend_ids (aws_message_id) WHERE state = 'created';
