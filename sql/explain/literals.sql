-- explain/literals :value
-- Values as literals of the server's types, quoted by the server, to follow explain/execute; null stays null.
-- $1 texts text[]  at most 100
-- returns: literals text null
select string_agg(q.literal, ', ' order by q.number) as literals
from (
    select
        quote_nullable(v.value) as literal,
        v.number
    from unnest($1::text[]) with ordinality as v (value, number)
    order by v.number
    limit 100
) as q;
