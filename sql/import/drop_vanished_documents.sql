-- import/drop_vanished_documents :exec
-- Deletes imported documents whose bytes are missing: they were deleted during the export.
-- $1 user_id uuid  the tenant
-- index: documents_pkey, document_contents_pkey
delete from documents as d
where
    d.user_id = $1::uuid
    and not exists (
        select b.document_id
        from document_contents as b
        where b.user_id = $1::uuid and b.document_id = d.id
    );
