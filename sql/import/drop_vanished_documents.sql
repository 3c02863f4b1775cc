-- import/drop_vanished_documents :exec
-- Deletes imported documents whose bytes, or some of their parts, are missing: they were deleted during the
-- export.
-- $1 user_id uuid  the tenant
-- index: documents_pkey, document_contents_pkey, file_parts_pkey
delete from documents as d
where
    d.user_id = $1::uuid
    and not exists (
        select b.document_id
        from document_contents as b
        where
            b.user_id = $1::uuid
            and b.document_id = d.id
            and (
                octet_length(b.content) > 0
                or d.file_id is not null
                or d.file_size = (
                    select coalesce(sum(octet_length(p.content)), 0)
                    from file_parts as p
                    where p.user_id = $1::uuid and p.document_id = d.id
                )
            )
    );
