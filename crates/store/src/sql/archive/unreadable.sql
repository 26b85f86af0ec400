-- Mails that runs have left out of the archive since one last went through all of them, that one included, for their stored
-- bodies are damaged. Runs may have met the same ones: so many are the least, unless all name the same as the first.
SELECT
    coalesce(max(run.unreadable_mails), 0) AS mails,
    count(DISTINCT run.first_unreadable) > 1 AS may_be_more,
    (array_agg(run.first_unreadable ORDER BY run.number DESC))[1] AS first
FROM "prefix".aftersend_archive_runs AS run
WHERE run.first_unreadable IS NOT NULL
  AND run.number >= coalesce(
      (SELECT max(whole.number) FROM "prefix".aftersend_archive_runs AS whole WHERE whole.is_whole AND whole.failure IS NULL),
      0
  )
