-- server/session_settings :many
-- The settings of a session of the service, compared with the requested ones at every start and by the
-- doctor. The settings of an extension are unknown until its library is loaded.
-- $1 names    text[]  of settings
-- $2 max_rows int     1..100
-- returns: name text, setting text null
select
    n.name,
    coalesce(
        (
            select s.setting
            from pg_settings as s
            where lower(s.name) = lower(n.name)
        ),
        current_setting(n.name, true)
    ) as setting
from unnest($1::text[]) as n (name)
order by n.name
limit $2::int;
