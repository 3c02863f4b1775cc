-- ddl/migration_log_version :ddl
-- By this table yoyo knows how its other two look.
create table if not exists _yoyo_version (
    version integer not null,
    installed_at_utc timestamp,
    constraint _yoyo_version_pkey primary key (version)
);
