-- terms/sample_chunks :exec
-- Last statement of that transaction: counts the terms of about 2,000 of a user's chunks, chosen by a
-- hash of their ids, and stores the share of the chunks that contain a term, if at least two of them and
-- 0.2 % do. A term of fewer is assumed to be in half as many.
-- $1 user_id    uuid  the tenant
-- $2 salt       int   of the user, by which a key becomes a term
-- $3 part       int   of 2^20, the share of the chunks that is taken, at least; 2^20: all
-- $4 max_rows   int   chunks at most
-- $5 max_terms  int   the most frequent ones
-- index: chunk_terms_pkey, term_samples_pkey, chunk_terms_document_idx
with chosen as materialized (
    select t.chunk_id
    from chunk_terms as t
    where t.user_id = $1::uuid and (uuid_hash_extended(t.chunk_id, 0) & 1048575) < $3::int
    order by t.chunk_id
    limit $4::int
),

sampled as materialized (
    select t.keys
    from chosen as c
    inner join chunk_terms as t on t.user_id = $1::uuid and c.chunk_id = t.chunk_id
),

size as materialized (
    select
        count(*) as sampled,
        greatest(2, ceil(count(*) * 0.002)) as least
    from sampled
),

counted as (
    select
        k.key,
        count(*) as found
    from sampled as s
    cross join lateral unnest(s.keys) as k (key)
    group by k.key
    order by count(*) desc, k.key asc
    limit $5::int
),

noted as (
    insert into term_stats (user_id, kind, term, share)
    select
        $1::uuid as user_id,
        'chunk' as kind,
        int4xor(c.key, $2::int) as term,
        c.found::real / z.sampled as share
    from counted as c
    cross join size as z
    where c.found >= z.least
    returning term
)

update term_samples as p
set
    sampled = z.sampled,
    other_share = case when z.sampled > 0 then z.least / 2 / z.sampled else 0.001 end
from size as z
where p.user_id = $1::uuid and p.kind = 'chunk' and (select count(*) from noted) >= 0;
