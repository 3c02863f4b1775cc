-- doctor/unowned_contents :many
-- Bytes, among those of the tenants given, that belong to no document and are not marked as removed, for
-- `cabinet doctor`: a row of documents was deleted by hand. The fix marks them, so that the workers erase
-- them.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the documents of all tenants; it reads no contents
-- returns: user_id uuid, document_id uuid, fix text
-- index: document_contents_pkey, documents_pkey
select
    b.user_id,
    b.document_id,
    format(
        'update document_contents set removed_at = now() where user_id = %L and document_id = %L;',
        b.user_id, b.document_id
    ) as fix
from document_contents as b
where
    b.user_id = any($1::uuid[])
    and (b.removed_at is null or b.removed_at = 'infinity')
    and not exists (
        select d.id
        from documents as d
        where d.user_id = b.user_id and d.id = b.document_id
    )
order by b.user_id, b.document_id
limit $2::int;
