-- $1 quarters of an hour: the sums of their templates. By primary key.
INSERT INTO "prefix".aftersend_figures_by_quarter (
    starts_at,
    mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
    possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked, machine_clicked
)
SELECT starts_at,
       sum(mails), sum(sent), sum(delivered), sum(hard_bounced), sum(soft_bounced), sum(undetermined_bounced),
       sum(not_tried), sum(complained), sum(possibly_complained), sum(delayed), sum(rejected), sum(failed),
       sum(delivered_mails), sum(opened), sum(machine_opened), sum(clicked), sum(machine_clicked)
FROM "prefix".aftersend_figures_by_template
WHERE starts_at = ANY($1::timestamptz[])
GROUP BY starts_at
