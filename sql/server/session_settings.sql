-- server/session_settings :many
-- What a session of the service is set to, to compare with what it asked for at its start: at every start and by
-- the doctor. Settings of an extension are known by their name alone until its code is loaded.
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
