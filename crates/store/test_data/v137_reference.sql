-- V137 as PhoenixKit specifies it, a statement for each sentence: what tests compare the program's ways with.
-- Meant to be seen to be right. It is quadratic in the size of a group of duplicates, keeps nothing of what it
-- removes, and blocks writers from its first index to the end.
--
-- The specification leaves some things open about ids in headers. What is chosen here, and why:
--   * A header's value is taken as text, a string without its quotes and anything else as JSON writes it: PhoenixKit
--     too looks for ids by `headers ->> …`, so a number is its digits, and what it would find it goes on finding.
--   * JSON null and the empty string are no id, and "else" goes on to the next header there. Otherwise all mails with
--     an empty header would contend for being the one mail whose id is empty, and one that has its id in the next
--     header would lose it.
--   * What the column can't hold (more than 255 characters, not bytes) is not taken: cut it would be another id, and
--     as it stands it would abort the whole upgrade. The next header is not asked: the mail has an id, and it is this.
--   * Nor is the next one asked where the id is taken: it is not a second choice.
--   * Nothing is trimmed, no case is folded, and Unicode is compared as it stands.
--   * Headers that are NULL, or JSON but no object, hold no id.

-- 1. Of single-occurrence types, every type but open and click (to the letter: "Open" is not open), one row for
-- each mail and type; of opens and clicks one for each mail, type and time. The smallest uuid stays.
DELETE FROM "prefix".phoenix_kit_email_events AS event
USING "prefix".phoenix_kit_email_events AS smaller
WHERE event.event_type NOT IN ('open', 'click')
  AND smaller.email_log_uuid = event.email_log_uuid
  AND smaller.event_type = event.event_type
  AND smaller.uuid < event.uuid;

DELETE FROM "prefix".phoenix_kit_email_events AS event
USING "prefix".phoenix_kit_email_events AS smaller
WHERE event.event_type IN ('open', 'click')
  AND smaller.email_log_uuid = event.email_log_uuid
  AND smaller.event_type = event.event_type
  AND smaller.occurred_at = event.occurred_at
  AND smaller.uuid < event.uuid;

-- 2.
CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_events_log_uuid_event_type_index
ON "prefix".phoenix_kit_email_events (email_log_uuid, event_type)
WHERE event_type NOT IN ('open', 'click');

-- 3.
CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_events_log_uuid_type_occurred_index
ON "prefix".phoenix_kit_email_events (email_log_uuid, event_type, occurred_at)
WHERE event_type IN ('open', 'click');

-- 4. Which id each mail without one names, headers in their order; then the smallest uuid for each id that nobody
-- holds.
CREATE TEMPORARY TABLE reference_ids ON COMMIT DROP AS
SELECT mail.uuid, header.place, header.id
FROM "prefix".phoenix_kit_email_logs AS mail
CROSS JOIN LATERAL (
    VALUES (1, mail.headers ->> 'aws_message_id'),
           (2, mail.headers ->> 'X-AWS-Message-Id'),
           (3, mail.headers ->> 'MessageId')
) AS header (place, id)
WHERE mail.aws_message_id IS NULL
  AND header.id IS NOT NULL
  AND header.id <> '';

DELETE FROM reference_ids AS later
USING reference_ids AS earlier
WHERE earlier.uuid = later.uuid
  AND earlier.place < later.place;

DELETE FROM reference_ids
WHERE char_length(id) > 255;

DELETE FROM reference_ids
WHERE id IN (SELECT aws_message_id FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id IS NOT NULL);

DELETE FROM reference_ids AS larger
USING reference_ids AS smaller
WHERE smaller.id = larger.id
  AND smaller.uuid < larger.uuid;

UPDATE "prefix".phoenix_kit_email_logs AS mail
SET aws_message_id = reference_ids.id
FROM reference_ids
WHERE mail.uuid = reference_ids.uuid;

-- 5. pg_trgm may live in any schema.
DO $do$
DECLARE
    trigrams text := (
        SELECT namespace.nspname
        FROM pg_extension AS extension JOIN pg_namespace AS namespace ON namespace.oid = extension.extnamespace
        WHERE extension.extname = 'pg_trgm'
    );
BEGIN
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_to_trgm_index
         ON "prefix".phoenix_kit_email_logs USING gin ("to" %I.gin_trgm_ops)', trigrams);
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_subject_trgm_index
         ON "prefix".phoenix_kit_email_logs USING gin (subject %I.gin_trgm_ops)', trigrams);
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_campaign_id_trgm_index
         ON "prefix".phoenix_kit_email_logs USING gin (campaign_id %I.gin_trgm_ops)', trigrams);
END
$do$;

-- 6.
CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_template_opened_index
ON "prefix".phoenix_kit_email_logs (template_name, opened_at) WHERE opened_at IS NOT NULL;

CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_template_clicked_index
ON "prefix".phoenix_kit_email_logs (template_name, clicked_at) WHERE clicked_at IS NOT NULL;

-- 7.
CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_compress_scan_index
ON "prefix".phoenix_kit_email_logs (sent_at) WHERE body_full IS NOT NULL;

-- 8. PhoenixKit's own steps beyond 137 stay on record.
DO $do$
BEGIN
    IF obj_description('"prefix".phoenix_kit'::regclass, 'pg_class')::integer < 137 THEN
        COMMENT ON TABLE "prefix".phoenix_kit IS '137';
    END IF;
END
$do$;
