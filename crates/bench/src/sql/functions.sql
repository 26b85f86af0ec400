-- What both tables' rows are made of, from the mail's number alone, so that events find their mail's uuid without
-- reading it. Of this session only: the database that is measured does not get them.
CREATE FUNCTION pg_temp.sent_at(mail bigint, mails bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE
    RETURN date_trunc('second', timestamptz '2025-01-01 00:00:00+00' + mail * (interval '90 days' / mails));

-- A UUIDv7 made at that time: 48 bits of milliseconds, the version, the variant, and bits that only look random.
CREATE FUNCTION pg_temp.uuid_at(made_at timestamptz, seed text) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    RETURN (lpad(to_hex((extract(epoch FROM made_at) * 1000)::bigint), 12, '0')
        || '7' || left(md5(seed), 3) || '8' || right(md5(seed), 15))::uuid;
