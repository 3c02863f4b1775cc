-- catalogue/columns :many
-- The columns of the schema's tables in their order, for `cabinet sql report`.
-- $1 max_rows int  1..10000
-- returns: table_name text, name text, type text, is_required bool, is_key bool
select
    c.relname::text as table_name,
    a.attname::text as name,
    format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull as is_required,
    coalesce(a.attnum = any(k.conkey), false) as is_key
from pg_class as c
inner join pg_attribute as a on c.oid = a.attrelid
left join pg_constraint as k on c.oid = k.conrelid and k.contype = 'p'
where
    c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
    and c.relname <> 'schema_migrations'
    and a.attnum > 0 and not a.attisdropped
order by c.relname, a.attnum
limit $1::int;
