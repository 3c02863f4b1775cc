-- ddl/migration_list :ddl
-- The migrations that the database has. Names and types are those of yoyo, so that its own command can read
-- the list too.
create table if not exists _yoyo_migration (
    migration_hash varchar(64) not null,
    migration_id varchar(255),
    applied_at_utc timestamp,
    constraint _yoyo_migration_pkey primary key (migration_hash)
);
