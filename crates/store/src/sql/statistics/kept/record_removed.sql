-- Figures of mails that are about to be removed ($6 1), or are back ($6 -1), are kept apart: what the recount tells of $5,
-- these mails, in the quarters of $1. Its statement stands in the place of "recounted", with all of its parameters.
INSERT INTO "prefix".aftersend_removed_figures (
    starts_at, template_name,
    mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
    possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked, machine_clicked,
    opened_within
)
SELECT ($1::timestamptz[])[bucket], template_name,
       $6::int * mails, $6 * sent, $6 * delivered, $6 * hard_bounced, $6 * soft_bounced, $6 * undetermined_bounced,
       $6 * not_tried, $6 * complained, $6 * possibly_complained, $6 * delayed, $6 * rejected, $6 * failed,
       $6 * delivered_mails, $6 * opened, $6 * machine_opened, $6 * clicked, $6 * machine_clicked,
       ARRAY(
           SELECT $6 * opens.number
           FROM unnest(opened_within) WITH ORDINALITY AS opens (number, place)
           ORDER BY opens.place
       )
FROM "recounted" AS recounted
