-- server/forget_migration :exec
-- Removes the record of a migration, in the transaction that rolls it back.
-- $1 migration_id text
delete from schema_migrations as m
where m.id = $1::text;
