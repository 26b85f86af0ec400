-- $1 types. When the first and the last event of each happened: two looks into type_occurred_at_idx for each.
-- Between the type and the type, not equal to it: the order is that index's alone then. Else PostgreSQL may go through
-- occurred_at_idx until it meets the type, and of a type that never came that is all of it.
-- A folded occurrence stands beside an event of its type, so that one tells of the type, too.
SELECT type.name AS event_type, first.at AS first_at, last.at AS last_at
FROM unnest($1::text[]) AS type (name)
CROSS JOIN LATERAL (
    SELECT occurred_at AS at
    FROM "prefix".phoenix_kit_email_events
    WHERE event_type BETWEEN type.name AND type.name
    ORDER BY event_type, occurred_at
    LIMIT 1
) AS first
CROSS JOIN LATERAL (
    SELECT occurred_at AS at
    FROM "prefix".phoenix_kit_email_events
    WHERE event_type BETWEEN type.name AND type.name
    ORDER BY event_type DESC, occurred_at DESC
    LIMIT 1
) AS last
