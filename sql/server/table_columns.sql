-- server/table_columns :many
-- Columns and types of one table, to compare the header of a :copy file with the schema at startup.
-- $1 table_name text  without schema; found by the search path
-- returns: name name, type name
-- bound: by the columns of one table
select
    a.attname as name,
    t.typname as type
from pg_attribute as a
inner join pg_type as t on a.atttypid = t.oid
where a.attrelid = to_regclass($1::text) and a.attnum > 0 and not a.attisdropped;
