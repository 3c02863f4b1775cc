-- terms/sample_messages :exec
-- Last statement of that transaction: counts the terms of about 2,000 of a user's messages, chosen by a
-- hash of their ids, and stores the share of the messages that contain a term, if at least two of them and
-- 0.2 % do. A term of fewer is assumed to be in half as many.
-- $1 user_id    uuid  the tenant
-- $2 salt       int   of the user, by which a key becomes a term
-- $3 part       int   of 2^20, the share of the messages that is taken, at least; 2^20: all
-- $4 max_rows   int   messages at most
-- $5 max_terms  int   the most frequent ones
-- index: message_terms_pkey, term_samples_pkey
with chosen as materialized (
    select
        t.conversation_id,
        t.position
    from message_terms as t
    where
        t.user_id = $1::uuid
        and (hashint8extended(t.position, uuid_hash_extended(t.conversation_id, 0)) & 1048575) < $3::int
    order by t.conversation_id, t.position
    limit $4::int
),

sampled as materialized (
    select t.keys
    from chosen as c
    inner join message_terms as t
        on t.user_id = $1::uuid and c.conversation_id = t.conversation_id and c.position = t.position
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
        'message' as kind,
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
where p.user_id = $1::uuid and p.kind = 'message' and (select count(*) from noted) >= 0;
