-- import/drop_vanished_documents :exec
-- Takes away the documents of an import whose bytes did not come: they were deleted while the export ran.
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
