-- import/conversation_documents :exec
-- The documents that imported conversations are limited to. A document that was uploaded after the documents
-- were exported is not in the export and is omitted.
-- $1 user_id          uuid    the tenant
-- $2 conversation_ids uuid[]
-- $3 document_ids     uuid[]  a document of each conversation in $2
-- index: documents_pkey
insert into conversation_documents (user_id, conversation_id, document_id)
select
    $1::uuid as user_id,
    e.conversation_id,
    d.id as document_id
from unnest($2::uuid[], $3::uuid[]) as e (conversation_id, document_id)
inner join documents as d on d.user_id = $1::uuid and e.document_id = d.id;
