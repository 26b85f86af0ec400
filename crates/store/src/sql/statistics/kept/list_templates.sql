-- What is kept of each template's mails from $1 to before $4, of the templates $5 or of all where that is NULL; those
-- with the most recipients first, $6 at most. From $2 to before $3 by whole days of UTC, the rest by quarters of an
-- hour: by primary keys, or by template.
SELECT 1 AS bucket, template_name,
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
       ARRAY[
           sum(opened_within[1]), sum(opened_within[2]), sum(opened_within[3]), sum(opened_within[4]),
           sum(opened_within[5]), sum(opened_within[6]), sum(opened_within[7]), sum(opened_within[8]),
           sum(opened_within[9]), sum(opened_within[10]), sum(opened_within[11]), sum(opened_within[12]),
           sum(opened_within[13]), sum(opened_within[14]), sum(opened_within[15]), sum(opened_within[16]),
           sum(opened_within[17]), sum(opened_within[18]), sum(opened_within[19]), sum(opened_within[20]),
           sum(opened_within[21]), sum(opened_within[22]), sum(opened_within[23]), sum(opened_within[24])
       ] AS opened_within
FROM (
    SELECT *
    FROM "prefix".aftersend_figures_by_day
    WHERE starts_at >= $2::timestamptz AND starts_at < $3::timestamptz
      AND ($5::text[] IS NULL OR template_name = ANY($5::text[]))
    UNION ALL
    SELECT *
    FROM "prefix".aftersend_figures_by_template
    WHERE starts_at >= $1::timestamptz AND starts_at < $2::timestamptz
      AND ($5::text[] IS NULL OR template_name = ANY($5::text[]))
    UNION ALL
    SELECT *
    FROM "prefix".aftersend_figures_by_template
    WHERE starts_at >= $3::timestamptz AND starts_at < $4::timestamptz
      AND ($5::text[] IS NULL OR template_name = ANY($5::text[]))
) AS kept
GROUP BY template_name
ORDER BY sent DESC, template_name
LIMIT $6
