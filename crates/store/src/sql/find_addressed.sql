-- $1 addresses, normalised, $2 mails to each at most: which mails went to them, by the address's number.
-- aftersend_recipients_address_idx alone.
SELECT asked.number, found.email_log_uuid
FROM unnest($1::text[]) WITH ORDINALITY AS asked (address, number)
CROSS JOIN LATERAL (
    SELECT known.email_log_uuid
    FROM "prefix".aftersend_recipients AS known
    WHERE known.address = asked.address
    LIMIT $2::bigint
) AS found
