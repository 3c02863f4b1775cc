-- server/note_migration :exec
-- Records an applied migration with a digest of its text, so that a later edit is detected. It runs in the
-- transaction of the migration, so neither exists without the other.
-- $1 migration_id text
-- $2 checksum     text
insert into schema_migrations (id, checksum) values ($1::text, $2::text);
