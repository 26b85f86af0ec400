-- $1 rows as arrays of JSON, one for each mail, of the table that stands for "rows_of": as they were, columns that they did
-- not have by their defaults. "columns", "values" and "defaults" are those that the table has today.
-- What is to be done where a row is there already may stand behind it.
INSERT INTO "prefix"."rows_of" ("columns") OVERRIDING SYSTEM VALUE
SELECT "values"
FROM unnest($1::text[]) AS part (words)
CROSS JOIN LATERAL json_populate_recordset(
    jsonb_populate_record(NULL::"prefix"."rows_of", jsonb_build_object("defaults")), part.words::json
) AS held
