-- $1 days of UTC: the sums of their quarters, by template. By primary key.
INSERT INTO "prefix".aftersend_figures_by_day (
    starts_at, place, template_name,
    mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
    possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked, machine_clicked,
    opened_within
)
SELECT day.starts_at, row_number() OVER (PARTITION BY day.starts_at), kept.template_name,
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
FROM unnest($1::timestamptz[]) AS day (starts_at)
JOIN "prefix".aftersend_figures_by_template AS kept
    ON kept.starts_at >= day.starts_at AND kept.starts_at < day.starts_at + interval '24 hours'
GROUP BY day.starts_at, kept.template_name
