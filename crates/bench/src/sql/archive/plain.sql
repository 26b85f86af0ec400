-- $1 uuids: what compressing does to the mails' own rows, and nothing else.
UPDATE phoenix_kit_email_logs SET body_full = NULL, body_compressed = true WHERE uuid = ANY ($1)
