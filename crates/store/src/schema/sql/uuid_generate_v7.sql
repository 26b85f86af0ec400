-- A UUID of version 7: 48 bits of milliseconds since 1970, then what a random UUID has behind its version.
-- PostgreSQL has none of its own before 18; a program's rows bring theirs along, this is for rows made by hand.
CREATE FUNCTION "prefix".uuid_generate_v7() RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$
        SELECT (lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
            || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
    $$;
COMMENT ON FUNCTION "prefix".uuid_generate_v7() IS 'made by Aftersend';
