-- import/drop_unowned_contents :exec
-- Deletes imported bytes that belong to no document, with their parts and jobs (by cascade). No export
-- contains such bytes, but a file can be written by hand.
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
