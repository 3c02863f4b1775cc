-- import/reset_incomplete_documents :exec
-- Resets imported documents whose chunks or vectors are incomplete: they changed during the export, or the
-- import omits vectors. A document that was being ingested again has its old chunks.
-- $1 user_id uuid  the tenant
-- index: documents_pkey, chunks_document_index_key, chunk_vectors_signature_idx, documents_user_status_idx,
--   chunk_terms_document_idx
with incomplete as (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and d.status in ('ready', 'processing')
        and (
            d.chunk_count <> (
                select count(*)
                from chunks as c
                where c.user_id = $1::uuid and c.document_id = d.id
            )
            or d.chunk_count <> (
                select count(*)
                from chunk_vectors as v
                where v.user_id = $1::uuid and v.document_id = d.id
            )
        )
),

emptied as (
    delete from chunks as c
    using incomplete as i
    where c.user_id = $1::uuid and c.document_id = i.id
),

without_vectors as (
    delete from chunk_vectors as v
    using incomplete as i
    where v.user_id = $1::uuid and v.document_id = i.id
),

without_terms as (
    delete from chunk_terms as t
    using incomplete as i
    where t.user_id = $1::uuid and t.document_id = i.id
)

update documents as d
set status = 'processing', progress = 0, chunk_count = 0, updated_at = now()
from incomplete as i
where d.user_id = $1::uuid and d.id = i.id;
