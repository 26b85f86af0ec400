-- The same as sum_templates.sql where buckets begin and end with days of UTC, but for the beginning of the first and the
-- end of the last: $1, $2, $3 and $4 as there; from $5 to before $6 by whole days, the rest by quarters of an hour.
-- aftersend_figures_by_day_idx and aftersend_figures_by_template_idx, or primary keys.
SELECT width_bucket(starts_at, $1::timestamptz[]) AS bucket,
       CASE WHEN $4::boolean THEN template_name END AS template_name,
       sum(mails) AS mails,
       sum(sent) AS sent,
       sum(delivered) AS delivered,
       sum(hard_bounced) AS hard_bounced,
       sum(soft_bounced) AS soft_bounced,
       sum(undetermined_bounced) AS undetermined_bounced,
       sum(not_tried) AS not_tried,
       sum(complained) AS complained,
       sum(possibly_complained) AS possibly_complained,
       sum(delayed) AS delayed,
       sum(rejected) AS rejected,
       sum(failed) AS failed,
       sum(delivered_mails) AS delivered_mails,
       sum(opened) AS opened,
       sum(machine_opened) AS machine_opened,
       sum(clicked) AS clicked,
       sum(machine_clicked) AS machine_clicked,
       NULL::bigint[] AS opened_within
FROM (
    SELECT starts_at, template_name, mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced,
           not_tried, complained, possibly_complained, delayed, rejected, failed, delivered_mails, opened,
           machine_opened, clicked, machine_clicked
    FROM "prefix".aftersend_figures_by_day
    WHERE starts_at >= $5::timestamptz AND starts_at < $6::timestamptz
      AND template_name = ANY($3::text[])
    UNION ALL
    SELECT starts_at, template_name, mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced,
           not_tried, complained, possibly_complained, delayed, rejected, failed, delivered_mails, opened,
           machine_opened, clicked, machine_clicked
    FROM "prefix".aftersend_figures_by_template
    WHERE starts_at >= ($1::timestamptz[])[1] AND starts_at < $5::timestamptz
      AND starts_at <> ALL($2::timestamptz[])
      AND template_name = ANY($3::text[])
    UNION ALL
    SELECT starts_at, template_name, mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced,
           not_tried, complained, possibly_complained, delayed, rejected, failed, delivered_mails, opened,
           machine_opened, clicked, machine_clicked
    FROM "prefix".aftersend_figures_by_template
    WHERE starts_at >= $6::timestamptz AND starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
      AND starts_at <> ALL($2::timestamptz[])
      AND template_name = ANY($3::text[])
) AS kept
GROUP BY 1, 2
