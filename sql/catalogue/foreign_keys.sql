-- catalogue/foreign_keys :many
-- The foreign keys between the tables of the schema, for the diagram of `cabinet sql report`.
-- $1 max_rows int  1..1000
-- returns: table_name text, name text, referenced_table text, definition text
select
    c.relname::text as table_name,
    k.conname::text as name,
    r.relname::text as referenced_table,
    pg_get_constraintdef(k.oid) as definition
from pg_constraint as k
inner join pg_class as c on k.conrelid = c.oid
inner join pg_class as r on k.confrelid = r.oid
where k.contype = 'f' and c.relnamespace = current_schema()::regnamespace and k.conparentid = 0
order by c.relname, k.conname
limit $1::int;
