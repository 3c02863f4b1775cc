-- server/table_rights :many
-- Whether a role has a privilege on each of some tables, checked when the service starts and before grants.
-- $1 role_name  text    the role
-- $2 privilege  text    select | insert | update | delete
-- $3 tables     text[]  without schema; found by the search path
-- returns: table_name text, is_there bool, is_granted bool
-- bound: by the tables given
select
    t.name as table_name,
    to_regclass(t.name) is not null as is_there,
    coalesce(has_table_privilege($1::text::name, to_regclass(t.name)::oid, $2::text), false) as is_granted
from unnest($3::text[]) as t (name);
