-- export/message_vectors :many
-- The vectors of the messages of a range of conversations, for an export.
-- $1 user_id               uuid       the tenant
-- $2 first_conversation_id uuid       the first of the conversations
-- $3 last_conversation_id  uuid       the last of them
-- $4 after_conversation_id uuid null  of the last vector of the previous page; null: from the first
-- $5 after_position        int8
-- $6 after_piece           int
-- $7 max_rows              int        1..1000
-- returns: conversation_id uuid, position int8, piece int, role text, created_at timestamptz,
--   embedding halfvec, signature bit
-- index: message_vectors_pkey
select
    v.conversation_id,
    v.position,
    v.piece,
    v.role,
    v.created_at,
    v.embedding,
    v.signature
from message_vectors as v
where
    v.user_id = $1::uuid
    and v.conversation_id between $2::uuid and $3::uuid
    and (
        $4::uuid is null
        or (v.conversation_id, v.position, v.piece) > ($4::uuid, $5::int8, $6::int)
    )
order by v.conversation_id, v.position, v.piece
limit $7::int;
