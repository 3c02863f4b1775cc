-- server/role :one
-- The role of this session and its privileges beyond reading and writing rows, reported at every start.
-- `owned` counts the tables of this database whose owner the role is or can act as.
-- returns: name name, is_superuser bool, makes_roles bool, makes_databases bool, owned int8
select
    r.rolname as name,
    r.rolsuper as is_superuser,
    r.rolcreaterole as makes_roles,
    r.rolcreatedb as makes_databases,
    (
        select count(*)
        from pg_class as c
        where c.relkind in ('r', 'p') and pg_has_role(c.relowner, 'usage') and c.oid >= 16384
    ) as owned
from pg_roles as r
where r.rolname = current_user;
