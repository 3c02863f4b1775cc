-- ddl/migration_log :ddl
-- The migrations that were applied, each with a digest of its text at that time and the role that applied it.
create table if not exists schema_migrations (
    id text not null,
    checksum text not null,
    applied_at timestamptz not null default now(),
    applied_by text not null default current_user,
    constraint schema_migrations_pkey primary key (id)
);
