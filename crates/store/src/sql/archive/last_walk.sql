-- $1 days after which all mails are gone through again: up to when mails were sent that earlier runs have gone through, and since
-- when mails may have been made that none of them has met. Nothing where all are to be gone through.
SELECT walked.below AS walked_below, walked.last_at - interval '24 hours' AS made_since
FROM (
    SELECT max(run.walked_below) AS below, max(run.began_at) AS last_at
    FROM "prefix".aftersend_archive_runs AS run
    WHERE run.walked_below IS NOT NULL
      AND run.failure IS NULL
      AND run.number >= (
          SELECT max(whole.number)
          FROM "prefix".aftersend_archive_runs AS whole
          WHERE whole.is_whole
            AND whole.failure IS NULL
            AND whole.began_at > now() - make_interval(days => $1)
            AND whole.began_at <= now()
      )
) AS walked
WHERE walked.below IS NOT NULL
