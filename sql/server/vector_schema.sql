-- server/vector_schema :value
-- The schema of pgvector's types, for each new connection; null before the extension is installed.
-- returns: nspname name null
select n.nspname
from pg_type as t
inner join pg_namespace as n on t.typnamespace = n.oid
where t.oid = to_regtype('halfvec');
