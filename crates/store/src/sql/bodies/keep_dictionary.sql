-- $1 the template, if any; $2 the month; $3 the dictionary, compressed; $4 its length; $5 from how many bodies it was made.
INSERT INTO "prefix".aftersend_body_dictionaries (template_name, month, packed, bytes, made_from)
VALUES ($1, $2, $3, $4, $5)
RETURNING id
