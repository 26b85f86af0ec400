-- What the recount told of the quarters of an hour that begin at the times of $1, whose last one ends them, is kept:
-- its statement stands in the place of "recounted", with all of its parameters. What mails had come to that were removed
-- since is added: in one statement, so that a mail is either still here or among these.
INSERT INTO "prefix".aftersend_figures_by_template (
    starts_at, place, template_name,
    mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
    possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked, machine_clicked,
    opened_within
)
SELECT ($1::timestamptz[])[bucket], row_number() OVER (PARTITION BY bucket), template_name,
       sum(mails), sum(sent), sum(delivered), sum(hard_bounced), sum(soft_bounced), sum(undetermined_bounced),
       sum(not_tried), sum(complained), sum(possibly_complained), sum(delayed), sum(rejected), sum(failed),
       sum(delivered_mails), sum(opened), sum(machine_opened), sum(clicked), sum(machine_clicked),
       ARRAY[
           sum(opened_within[1]), sum(opened_within[2]), sum(opened_within[3]), sum(opened_within[4]),
           sum(opened_within[5]), sum(opened_within[6]), sum(opened_within[7]), sum(opened_within[8]),
           sum(opened_within[9]), sum(opened_within[10]), sum(opened_within[11]), sum(opened_within[12]),
           sum(opened_within[13]), sum(opened_within[14]), sum(opened_within[15]), sum(opened_within[16]),
           sum(opened_within[17]), sum(opened_within[18]), sum(opened_within[19]), sum(opened_within[20]),
           sum(opened_within[21]), sum(opened_within[22]), sum(opened_within[23]), sum(opened_within[24])
       ]
FROM (
    SELECT true AS is_here, bucket, template_name,
           mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
           possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked,
           machine_clicked, opened_within
    FROM "recounted" AS recounted
    UNION ALL
    SELECT false, width_bucket(starts_at, $1::timestamptz[]), template_name,
           mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
           possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked,
           machine_clicked, opened_within
    FROM "prefix".aftersend_removed_figures
    WHERE starts_at >= ($1::timestamptz[])[1]
      AND starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
) AS counted
GROUP BY bucket, template_name
-- What was removed and has come back adds up to nothing.
HAVING bool_or(is_here)
    OR sum(
        mails + delivered + hard_bounced + soft_bounced + undetermined_bounced + not_tried + complained
        + possibly_complained + delayed + rejected + failed + delivered_mails + opened + machine_opened + clicked
        + machine_clicked
    ) <> 0
