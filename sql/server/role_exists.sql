-- server/role_exists :value
-- Whether the server has a role: checked before the embedded server creates it, and before privileges are
-- granted to it.
-- $1 name  text  the role
-- returns: exists bool
select exists(
    select r.oid
    from pg_roles as r
    where r.rolname = $1::text
) as exists;
