-- policies/protect :ddl
-- Turns on row level security for every table with rows of tenants that lacks it: the tables with a column
-- user_id, and users, so that a new table cannot be forgotten. Only the rows of the tenant that a transaction
-- names can be read or written; none if it names no tenant. The tenant is a user's id, or `all` in a
-- statement that serves all tenants (its header has a line `-- tenant:`); the receiver is the other user of a
-- transfer. FORCE applies the policy also to the owner of the tables; foreign keys and their cascades still
-- see every row. The subquery is evaluated once per scan, not for each row. The planner assumes that `is not
-- null` holds for nearly every row, so it plans a statement as without the policy.
do $protect$
declare
    one record;
begin
    for one in
        select
            c.oid::regclass as name,
            a.attname as tenant
        from pg_class as c
        inner join pg_attribute as a on c.oid = a.attrelid
        where
            c.relnamespace = (select u.relnamespace from pg_class as u where u.oid = to_regclass('users'))
            and c.relkind in ('r', 'p')
            and a.attnum > 0
            and not a.attisdropped
            and a.attname = case when c.relname = 'users' then 'id' else 'user_id' end
            and not (
                c.relrowsecurity
                and c.relforcerowsecurity
                and exists (select from pg_policy as p where p.polrelid = c.oid and p.polname = 'cabinet_tenant')
            )
        order by c.relname
    loop
        execute format('alter table %s enable row level security, force row level security', one.name);
        execute format('drop policy if exists cabinet_tenant on %s', one.name);
        execute format(
            $policy$
            create policy cabinet_tenant on %1$s
            using (
                case
                    when %2$I = (
                        select nullif(nullif(current_setting('cabinet.user_id', true), ''), 'all')::uuid
                    ) then true
                    when current_setting('cabinet.user_id', true) = 'all' then true
                    when %2$I = nullif(current_setting('cabinet.receiver_id', true), '')::uuid then true
                end is not null
            )
            $policy$,
            one.name,
            one.tenant
        );
    end loop;
end
$protect$;
