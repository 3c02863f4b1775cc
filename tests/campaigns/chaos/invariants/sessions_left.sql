-- sessions_left
-- Sessions of servers and workers, and prepared transactions, after all of them have stopped.
select
    a.pid::text as session,
    a.application_name,
    a.state,
    left(a.query, 80) as last_statement
from pg_stat_activity as a
where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
union all
select
    p.gid as session,
    p.owner::text as application_name,
    'prepared' as state,
    '' as last_statement
from pg_prepared_xacts as p;
