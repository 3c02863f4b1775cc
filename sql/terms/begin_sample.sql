-- terms/begin_sample :exec
-- First statement of the transaction that counts the terms of a user's texts: records the number of texts,
-- which locks the sample against other workers. Before that, it locks the user, as users/hold does, because
-- the foreign key would lock the user afterwards and could deadlock with an erasure. No row: the user does
-- not exist.
-- $1 user_id    uuid  the tenant
-- $2 kind       text  chunk | message
-- $3 text_count int8
-- index: users_pkey, term_samples_pkey
with held as materialized (
    select u.id
    from users as u
    where u.id = $1::uuid
    for key share
)

insert into term_samples as s (user_id, kind, text_count, sampled, other_share)
select
    h.id as user_id,
    $2::text as kind,
    $3::int8 as text_count,
    0 as sampled,
    0.001 as other_share
from held as h
on conflict (user_id, kind) do update
    set text_count = excluded.text_count, sampled_at = excluded.sampled_at;
