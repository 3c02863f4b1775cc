-- server/note_migration :exec
-- Records that a migration was applied, with a digest of what it said, so that a later edit is noticed. In the
-- transaction of the migration itself, so there is never one without the other.
-- $1 migration_id text
-- $2 checksum     text
insert into schema_migrations (id, checksum) values ($1::text, $2::text);
