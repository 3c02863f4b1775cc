-- file_parts/begin :value
-- First statement of the transaction that stores a file of more than one part: file_parts/append follows for
-- each part, then documents/create. Checks the limits of the user's plan first, so that a file that exceeds
-- them is not written at all. No row: a limit is reached, or the user does not exist.
-- $1 user_id   uuid  the tenant
-- $2 file_size int8
-- $3 charset   text null  the encoding of the bytes that the client declared; null: none
-- returns: document_id uuid null
-- index: users_pkey, tenant_totals_pkey
with allowed as (
    select u.id
    from users as u
    inner join plans as p on u.plan = p.name
    left join tenant_totals as t on u.id = t.user_id
    where
        u.id = $1::uuid
        and (p.max_documents is null or coalesce(t.document_count, 0) < p.max_documents)
        and (p.max_bytes is null or coalesce(t.byte_count, 0) + $2::int8 <= p.max_bytes)
)

insert into document_contents as b (user_id, document_id, content, charset)
select
    $1::uuid as user_id,
    uuidv7() as document_id,
    '' as content,
    $3::text as charset
from allowed
returning b.document_id;
