-- policies/unprotect :ddl
-- Turns off row level security for every table that policies/protect protects.
do $unprotect$
declare
    one record;
begin
    for one in
        select p.polrelid::regclass as name
        from pg_policy as p
        inner join pg_class as c on p.polrelid = c.oid
        where
            c.relnamespace = (select u.relnamespace from pg_class as u where u.oid = to_regclass('users'))
            and p.polname = 'cabinet_tenant'
        order by c.relname
    loop
        execute format('drop policy cabinet_tenant on %s', one.name);
        execute format('alter table %s disable row level security, no force row level security', one.name);
    end loop;
end
$unprotect$;
