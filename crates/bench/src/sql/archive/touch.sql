-- $1 the uuid: what an application does when a mail was opened.
UPDATE phoenix_kit_email_logs SET opened_at = now(), updated_at = now(), status = 'opened' WHERE uuid = $1
