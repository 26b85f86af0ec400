-- Where the hours or days begin that a period touches: $1 its beginning, $2 its end, $3 whether days are wanted, else
-- hours, $4 the time zone, $5 rows at most. The first bucket begins with the period.
-- Days are counted on the wall and then looked up as times: on the days of a change they have 23 or 25 hours. Hours are
-- counted in time itself: the one that the clock shows twice is two.
SELECT greatest(starts_at, $1::timestamptz) AS starts_at
FROM (
    SELECT day AT TIME ZONE $4::text AS starts_at
    FROM generate_series(
        date_trunc('day', $1::timestamptz AT TIME ZONE $4::text), $2::timestamptz AT TIME ZONE $4::text, interval '1 day'
    ) AS day
    WHERE $3::boolean
    UNION ALL
    SELECT hour
    FROM generate_series(date_trunc('hour', $1::timestamptz, $4::text), $2::timestamptz, interval '1 hour') AS hour
    WHERE NOT $3::boolean
) AS bucket
WHERE starts_at < $2::timestamptz
ORDER BY starts_at
LIMIT $5
