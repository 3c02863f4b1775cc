-- doctor/server :one
-- The subject of `cabinet doctor`: the server, the installed and the available version of the extension, the
-- database, and the current role. Reads the catalog.
-- returns: server_version_num int, server_version text, vector_version text null, vector_available text null,
--   database_name text, user_name text, is_superuser bool, is_replica bool, up_s float8, create_vector text,
--   update_vector text
select
    current_setting('server_version_num')::int as server_version_num,
    current_setting('server_version') as server_version,
    (
        select e.extversion
        from pg_extension as e
        where e.extname = 'vector'
    ) as vector_version,
    (
        select x.default_version
        from pg_available_extensions as x
        where x.name = 'vector'
    ) as vector_available,
    current_database()::text as database_name,
    current_user::text as user_name,
    current_setting('is_superuser')::bool as is_superuser,
    pg_is_in_recovery() as is_replica,
    extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 as up_s,
    'create extension vector;' as create_vector,
    'alter extension vector update;' as update_vector;
