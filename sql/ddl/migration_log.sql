-- ddl/migration_log :ddl
-- The migrations that the database has: a digest of what each said when it was applied, and who applied it.
create table if not exists schema_migrations (
    id text not null,
    checksum text not null,
    applied_at timestamptz not null default now(),
    applied_by text not null default current_user,
    constraint schema_migrations_pkey primary key (id)
);
