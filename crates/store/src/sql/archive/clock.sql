-- The time by the server's clock, and the last name that any object has been given.
SELECT clock_timestamp() AS at,
       (SELECT name FROM "prefix".aftersend_archive_objects ORDER BY name COLLATE "C" DESC LIMIT 1) AS last_name
