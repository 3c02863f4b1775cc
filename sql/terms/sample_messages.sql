-- terms/sample_messages :exec
-- Last statement of that transaction: counts the terms of a user's messages, or of a sample selected by a
-- hash of their ids, and stores the share of the messages that contain each term, if at least two do. All
-- other terms are assumed to have the same, average share.
-- $1 user_id    uuid   the tenant
-- $2 salt       int    of the user, by which a key becomes a term
-- $3 part       int    the minimum share of the messages, of 2^20; 2^20: all
-- $4 max_rows   int    maximum number of messages
-- $5 max_terms  int    the most frequent ones
-- $6 marks      int[]  terms that are stored even if only one has them
-- length: the terms are counted, chosen and stored at once
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

counted as materialized (
    select
        int4xor(k.key, $2::int) as term,
        count(*) as found
    from sampled as s
    cross join lateral unnest(s.keys) as k (key)
    group by k.key
),

kept as materialized (
    select
        c.term,
        c.found,
        c.found::real / (select count(*) from sampled) as share
    from counted as c
    where c.found >= 2 or c.term = any($6::int[])
    order by c.term = any($6::int[]) desc, c.found desc, c.term asc
    limit $5::int
),

size as materialized (
    select
        (select count(*) from sampled) as texts,
        (select sum(c.found) from counted as c)
        - coalesce((select sum(k.found) from kept as k), 0) as other_found,
        (select count(*) from counted) - (select count(*) from kept) as other_terms
)

update term_samples as p
set
    sampled = z.texts,
    terms = array(
        select k.term
        from kept as k
        order by k.term
        limit $5::int
    ),
    shares = array(
        select k.share
        from kept as k
        order by k.term
        limit $5::int
    ),
    other_share = case
        when z.texts = 0 then 0.001
        when z.other_terms = 0 then 1.0 / z.texts
        else z.other_found / z.other_terms / z.texts
    end
from size as z
where p.user_id = $1::uuid and p.kind = 'message';
