-- What the recount told of the quarters of an hour that begin at the times of $1, whose last one ends them, is kept:
-- its statement stands in the place of "recounted", with all of its parameters.
INSERT INTO "prefix".aftersend_figures_by_template (
    starts_at, place, template_name,
    mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
    possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked, machine_clicked,
    opened_within
)
SELECT ($1::timestamptz[])[bucket], row_number() OVER (PARTITION BY bucket), template_name,
       mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
       possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked,
       machine_clicked,
       opened_within
FROM "recounted" AS recounted
