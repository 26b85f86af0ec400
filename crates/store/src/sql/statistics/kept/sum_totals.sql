-- What is kept of all mails that were sent in each bucket: $1 the buckets' beginnings and behind them the end of the
-- last, $2 quarters of an hour that are parts of two buckets and in none. By primary key.
SELECT width_bucket(starts_at, $1::timestamptz[]) AS bucket, NULL::text AS template_name,
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
FROM "prefix".aftersend_figures_by_quarter
WHERE starts_at >= ($1::timestamptz[])[1]
  AND starts_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
  AND starts_at <> ALL($2::timestamptz[])
GROUP BY bucket
