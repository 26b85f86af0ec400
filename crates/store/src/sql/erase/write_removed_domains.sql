-- $1 and $2 a row of sums of removed mails, $3 its templates from now on, $4 links, of which these sums have none.
UPDATE "prefix".aftersend_removed_domains
SET template_names = coalesce($3::text[], $4::text[])
WHERE starts_at = $1
  AND delta = $2
