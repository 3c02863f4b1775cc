-- ddl/migration_log :ddl
-- What each migration read when it was applied, and who applied it; yoyo's table too.
create table if not exists _yoyo_log (
    id varchar(36) not null,
    migration_hash varchar(64),
    migration_id varchar(255),
    operation varchar(10),
    username varchar(255),
    hostname varchar(255),
    comment varchar(255),
    created_at_utc timestamp,
    constraint _yoyo_log_pkey primary key (id)
);
