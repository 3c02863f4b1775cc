-- jobs/end_stalled :many
-- Terminates the sessions of this service that have waited to receive the rest of a message, or to send the
-- rest of an answer, for longer than the statement timeout: their process was stopped. The server can neither
-- cancel such a statement nor apply a timeout to it, and its locks would be held until the process continues.
-- $1 silent_s float8  more than the statement timeout
-- $2 max_rows int     1..100
-- returns: pid int, statement text null, silent_s float8, is_ended bool
select
    a.pid,
    substring(a.query from '([a-z0-9_]+/[a-z0-9_]+)') as statement,
    extract(epoch from clock_timestamp() - a.query_start)::float8 as silent_s,
    pg_terminate_backend(a.pid) as is_ended
from pg_stat_activity as a
where
    a.datname = current_database()
    and a.usename = current_user
    and a.application_name = 'cabinet'
    and a.pid <> pg_backend_pid()
    and a.state = 'active'
    and a.wait_event_type = 'Client'
    and a.query_start < clock_timestamp() - make_interval(secs => $1::float8)
order by a.pid
limit $2::int;
