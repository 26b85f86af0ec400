-- $1 spellings of an address. email_uidx.
DELETE FROM "prefix".phoenix_kit_email_blocklist
WHERE email = ANY($1::text[])
RETURNING email::text, reason::text, expires_at, user_uuid, inserted_at, updated_at,
          expires_at IS NULL OR expires_at > now() AS holds
