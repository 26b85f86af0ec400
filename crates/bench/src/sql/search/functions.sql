-- What a mail is like, from its number alone: a number that looks random, and the time of sending, over 400 days, each day
-- a little busier than the one before.
CREATE FUNCTION pg_temp.mixed(mail bigint, purpose text) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN hashtextextended(purpose, mail) & 1073741823;

CREATE FUNCTION pg_temp.sent_over_days(mail bigint, mails bigint) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN date_trunc('second', timestamptz '2024-06-01 00:00:00+00' + interval '400 days' * power(mail::float8 / (mails + 1), 0.8));

CREATE FUNCTION pg_temp.status_of(mail bigint) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE
        WHEN pg_temp.mixed(mail, 'status') % 1000 < 1 THEN 'complaint'
        WHEN pg_temp.mixed(mail, 'status') % 1000 < 20 THEN 'hard_bounced'
        WHEN pg_temp.mixed(mail, 'status') % 1000 < 30 THEN 'soft_bounced'
        WHEN pg_temp.mixed(mail, 'status') % 1000 < 35 THEN 'delayed'
        WHEN pg_temp.mixed(mail, 'status') % 1000 < 330 THEN 'opened'
        WHEN pg_temp.mixed(mail, 'status') % 1000 < 400 THEN 'clicked'
        WHEN pg_temp.mixed(mail, 'status') % 1000 < 410 THEN 'sent'
        ELSE 'delivered'
    END
