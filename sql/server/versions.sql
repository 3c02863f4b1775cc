-- server/versions :one
-- The versions of the server and pgvector, compared with the supported ones at every start.
-- returns: server_version_num int, server_version text, vector_version text null
select
    current_setting('server_version_num')::int as server_version_num,
    current_setting('server_version') as server_version,
    (
        select e.extversion
        from pg_extension as e
        where e.extname = 'vector'
    ) as vector_version;
