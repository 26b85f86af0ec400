-- $1 messages that name the person.
DELETE FROM "prefix".aftersend_quarantine
WHERE uuid = ANY($1)
