-- The key of the hashes that stand for people who were erased: made once, 244 bits at random.
INSERT INTO "prefix".aftersend_keys (name, key)
VALUES ('erasure', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
ON CONFLICT (name) DO NOTHING
