-- server/database :one
-- Whether the database can hold Cabinet's data, checked before migrations and at every start. If
-- pgvector is installed in a schema outside the search path, `is_vector_found` is false.
-- returns: database_name text, encoding text, is_standby bool, is_read_only bool, search_path text,
--   vector_schema text null, is_vector_found bool
select
    current_database()::text as database_name,
    current_setting('server_encoding') as encoding,
    pg_is_in_recovery() as is_standby,
    current_setting('transaction_read_only')::bool as is_read_only,
    current_setting('search_path') as search_path,
    (
        select n.nspname::text
        from pg_extension as e
        inner join pg_namespace as n on e.extnamespace = n.oid
        where e.extname = 'vector'
    ) as vector_schema,
    to_regtype('halfvec') is not null as is_vector_found;
