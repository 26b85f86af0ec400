-- $1 mails, locked: their digests as they are now. The statement that reads mails stands in the place of its name.
SELECT line.uuid, line.digest
FROM "lines" AS line
