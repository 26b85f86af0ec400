-- Messages that nobody has looked after, each body once.
SELECT count(*) AS messages, min(first_received_at) AS oldest_received_at
FROM "prefix".aftersend_quarantine
