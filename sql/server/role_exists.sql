-- server/role_exists :value
-- Whether the server has a role: before it is made on the embedded server, and before it is granted anything.
-- $1 name  text  the role
-- returns: exists bool
select exists(
    select r.oid
    from pg_roles as r
    where r.rolname = $1::text
) as exists;
