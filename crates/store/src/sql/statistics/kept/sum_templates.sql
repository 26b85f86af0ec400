-- The same of the templates $3, told apart if $4. aftersend_figures_by_template_idx, or the primary key.
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
FROM "prefix".aftersend_figures_by_template
WHERE starts_at >= ($1::timestamptz[])[1]
  AND starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
  AND starts_at <> ALL($2::timestamptz[])
  AND template_name = ANY($3::text[])
GROUP BY 1, 2
