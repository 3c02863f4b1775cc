-- import/drop_unowned_contents :exec
-- Deletes the bytes of an import that belong to no document, with their parts and jobs (cascade): no export
-- has such, but a file may have been written by hand.
-- $1 user_id uuid  the tenant
-- index: document_contents_pkey, documents_pkey
delete from document_contents as b
where
    b.user_id = $1::uuid
    and not exists (
        select d.id
        from documents as d
        where d.user_id = $1::uuid and d.id = b.document_id
    );
