-- $1 and $2 a row of sums of removed mails, $3 its templates from now on, $4 its links.
UPDATE "prefix".aftersend_removed_links
SET template_names = $3::text[], links = $4::text[]
WHERE starts_at = $1
  AND delta = $2
