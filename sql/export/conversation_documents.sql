-- export/conversation_documents :many
-- The documents that conversations are limited to, for an export.
-- $1 user_id               uuid       the tenant
-- $2 conversation_ids      uuid[]     of export/conversations, at most 1000
-- $3 after_conversation_id uuid null  of the last row of the previous page; null: from the first
-- $4 after_document_id     uuid
-- $5 max_rows              int        1..1000
-- returns: conversation_id uuid, document_id uuid
-- index: conversation_documents_pkey
select
    s.conversation_id,
    s.document_id
from conversation_documents as s
where
    s.user_id = $1::uuid
    and s.conversation_id = any($2::uuid[])
    and ($3::uuid is null or (s.conversation_id, s.document_id) > ($3::uuid, $4::uuid))
order by s.conversation_id, s.document_id
limit $5::int;
