-- The events of every mail number divisible by $1, in the order of time.
SELECT uuid, aws_message_id, event_type, occurred_at, ip_address, user_agent, link_url, event_data
FROM bench.staging
WHERE mail % $1 = 0
ORDER BY number
