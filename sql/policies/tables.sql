-- policies/tables :many
-- The tables with rows of tenants, and the state of their row level security; read at every start, and when
-- policies are created. It includes every table with a column user_id.
-- $1 max_rows int  more than the number of tables
-- returns: table_name text, tenant_column text, is_enabled bool, is_forced bool, has_policy bool,
--   other_policies int8, is_active bool
select
    c.relname::text as table_name,
    a.attname::text as tenant_column,
    c.relrowsecurity as is_enabled,
    c.relforcerowsecurity as is_forced,
    (
        select count(*) > 0
        from pg_policy as p
        where
            p.polrelid = c.oid
            and p.polname = 'cabinet_tenant'
            and p.polpermissive
            and p.polcmd = '*'
            and p.polroles = '{0}'
    ) as has_policy,
    (
        select count(*)
        from pg_policy as p
        where p.polrelid = c.oid and p.polpermissive and p.polname <> 'cabinet_tenant'
    ) as other_policies,
    row_security_active(c.oid) as is_active
from pg_class as c
inner join pg_attribute as a on c.oid = a.attrelid
where
    c.relnamespace = (
        select u.relnamespace
        from pg_class as u
        where u.oid = to_regclass('users')
    )
    and c.relkind in ('r', 'p')
    and a.attnum > 0
    and not a.attisdropped
    and a.attname = case when c.relname = 'users' then 'id' else 'user_id' end
order by c.relname
limit $1::int;
