-- server/database_exists :value
-- Whether the embedded server has the database.
-- $1 name  text  the database
-- returns: exists bool
select exists(
    select d.oid
    from pg_database as d
    where d.datname = $1::text
) as exists;
