-- terms/begin_sample :exec
-- First statement of the transaction that counts the terms of a user's texts: notes the number of texts, and
-- so locks the sample against other workers. No row: the user is gone.
-- $1 user_id    uuid  the tenant
-- $2 kind       text  chunk | message
-- $3 text_count int8
-- index: users_pkey, term_samples_pkey
insert into term_samples as s (user_id, kind, text_count, sampled, other_share)
select
    u.id as user_id,
    $2::text as kind,
    $3::int8 as text_count,
    0 as sampled,
    0.001 as other_share
from users as u
where u.id = $1::uuid
on conflict (user_id, kind) do update
    set text_count = excluded.text_count, sampled_at = excluded.sampled_at;
