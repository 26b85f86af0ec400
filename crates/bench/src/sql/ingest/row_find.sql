-- What a tracker asks for each event that it receives: whose is it?
SELECT uuid, status FROM public.phoenix_kit_email_logs WHERE aws_message_id = $1
