-- doctor/settings :many
-- Settings of the server in the current session, for `cabinet doctor`.
-- $1 names    text[]  of settings
-- $2 max_rows int     1..100
-- returns: name text, setting text, unit text null, source text
select
    s.name,
    s.setting,
    s.unit,
    s.source
from pg_settings as s
where s.name = any($1::text[])
order by s.name
limit $2::int;
