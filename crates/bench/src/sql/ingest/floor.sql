-- The least that a server must do for these rows: sets read from the staging table, no word from any client between
-- them, nothing asked that could go wrong. $1 to $3 of the call: the first event, the last one, how many to a commit.
CREATE PROCEDURE bench.floor(first_event integer, last_event integer, batch_events integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR batch IN 0 .. (last_event - first_event) / batch_events LOOP
        INSERT INTO public.phoenix_kit_email_events (
            uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url,
            aftersend_fingerprint, inserted_at, updated_at
        )
        SELECT staged.uuid, mail.uuid, staged.event_type, staged.event_data::jsonb, staged.occurred_at,
               staged.ip_address, staged.user_agent, staged.link_url, staged.fingerprint, now(), now()
        FROM bench.staging AS staged
        JOIN public.phoenix_kit_email_logs AS mail ON mail.aws_message_id = staged.aws_message_id
        WHERE staged.number >= first_event + batch * batch_events
          AND staged.number < first_event + (batch + 1) * batch_events
        ORDER BY mail.uuid;

        UPDATE public.phoenix_kit_email_logs AS mail
        SET status = (ARRAY['sent', 'delivered', 'opened', 'clicked'])[greatest(
                told.rank, array_position(ARRAY['sent', 'delivered', 'opened', 'clicked'], mail.status::text)
            )],
            delivered_at = least(mail.delivered_at, told.delivered_at),
            opened_at = least(mail.opened_at, told.opened_at),
            clicked_at = least(mail.clicked_at, told.clicked_at),
            updated_at = now()
        FROM (
            SELECT aws_message_id,
                   max(array_position(ARRAY['send', 'delivery', 'open', 'click'], event_type)) AS rank,
                   min(occurred_at) FILTER (WHERE event_type = 'delivery') AS delivered_at,
                   min(occurred_at) FILTER (WHERE event_type = 'open') AS opened_at,
                   min(occurred_at) FILTER (WHERE event_type = 'click') AS clicked_at
            FROM bench.staging
            WHERE number >= first_event + batch * batch_events
              AND number < first_event + (batch + 1) * batch_events
              -- A send changes nothing of a mail that was logged as sent.
              AND event_type <> 'send'
            GROUP BY aws_message_id
        ) AS told
        WHERE mail.aws_message_id = told.aws_message_id;

        -- Opens and clicks belong to the mail, and come after its sending has made its recipients' rows.
        INSERT INTO public.aftersend_recipients AS held (email_log_uuid, address, listed, delivered_at)
        SELECT mail.uuid, staged.address, true, min(staged.occurred_at) FILTER (WHERE staged.event_type = 'delivery')
        FROM bench.staging AS staged
        JOIN public.phoenix_kit_email_logs AS mail ON mail.aws_message_id = staged.aws_message_id
        WHERE staged.number >= first_event + batch * batch_events
          AND staged.number < first_event + (batch + 1) * batch_events
          AND staged.event_type IN ('send', 'delivery')
        GROUP BY mail.uuid, staged.address
        ORDER BY mail.uuid, staged.address
        ON CONFLICT (email_log_uuid, address) DO UPDATE
        SET delivered_at = least(held.delivered_at, excluded.delivered_at);

        COMMIT;
    END LOOP;
END
$$;
