-- The table whose comment is the version. PhoenixKit writes its rows; they say nothing of the tables.
CREATE TABLE "prefix".phoenix_kit (
    id serial PRIMARY KEY,
    version integer NOT NULL UNIQUE,
    migrated_at timestamp NOT NULL DEFAULT now()
);
