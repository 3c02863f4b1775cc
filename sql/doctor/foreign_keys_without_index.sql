-- doctor/foreign_keys_without_index :many
-- Foreign keys of Cabinet's schema whose columns are not the leading columns of a valid index, for `cabinet
-- doctor`: each deletion of a referenced row reads the whole table. References to plans need no index,
-- because no statement deletes a plan. Reads the catalog.
-- $1 max_rows int  1..1000
-- returns: table_name name, constraint_name name, column_names text, fix text
with keys as (
    select
        k.conrelid,
        k.conname,
        k.conkey,
        (
            select string_agg(quote_ident(n.attname), ', ' order by n.place)
            from (
                select
                    a.attname,
                    p.place
                from unnest(k.conkey) with ordinality as p (attnum, place)
                inner join pg_attribute as a on a.attrelid = k.conrelid and p.attnum = a.attnum
                order by p.place
                limit 32
            ) as n
        ) as column_names
    from pg_constraint as k
    where k.contype = 'f' and k.confrelid is distinct from to_regclass('plans')
)

select
    t.relname as table_name,
    k.conname as constraint_name,
    k.column_names,
    format('create index concurrently on %I (%s);', t.relname, k.column_names) as fix
from keys as k
inner join pg_class as t on k.conrelid = t.oid
where
    t.relnamespace = (
        select u.relnamespace
        from pg_class as u
        where u.oid = to_regclass('users')
    )
    and not exists (
        select x.indexrelid
        from pg_index as x
        where
            x.indrelid = k.conrelid
            and x.indisvalid
            and (x.indpred is null or pg_get_expr(x.indpred, x.indrelid) = '(file_id IS NOT NULL)')
            and x.indnkeyatts >= cardinality(k.conkey)
            and (x.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
    )
order by t.relname, k.conname
limit $1::int;
