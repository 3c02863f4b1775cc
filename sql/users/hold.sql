-- users/hold :one
-- First statement of the transaction that erases a user: locks the rows that every upload, append and worker
-- also locks, in the same order, and thereby waits for those in progress. The next statement then sees every
-- row. If there are more collections, documents or conversations than `max_rows`, not all of them are locked:
-- such a user is first erased in parts.
-- $1 user_id  uuid  the tenant
-- $2 max_rows int   maximum number of each to lock, and of files and readers of collections to count
-- returns: document_count int8, chunk_count int8, byte_count int8, conversation_count int8,
--   message_count int8, has_left_over bool, has_index bool, collection_count int8, file_count int8,
--   reader_count int8, has_upload_bytes bool
-- length: all rows of a user are locked in a fixed order
-- index: documents_pkey, conversations_pkey, tenant_totals_pkey, users_pkey, collections_pkey,
--   collection_files_pkey, collection_readers_pkey, upload_bytes_pkey, document_contents_left_over_idx
with held_collections as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid
    order by c.id
    limit $2::int
    for update
),

held_documents as materialized (
    select
        d.id,
        d.chunk_count,
        d.file_size
    from documents as d
    where d.user_id = $1::uuid and (select count(*) from held_collections) >= 0
    order by d.id
    limit $2::int
    for update
),

held_conversations as materialized (
    select
        c.id,
        c.message_count
    from conversations as c
    where c.user_id = $1::uuid and (select count(*) from held_documents) >= 0
    order by c.id
    limit $2::int
    for update
),

held_totals as materialized (
    select t.has_index
    from tenant_totals as t
    where t.user_id = $1::uuid and (select count(*) from held_conversations) >= 0
    for update
)

select
    (select count(*) from held_documents) as document_count,
    (select coalesce(sum(d.chunk_count), 0) from held_documents as d) as chunk_count,
    (select coalesce(sum(d.file_size), 0)::int8 from held_documents as d) as byte_count,
    (select count(*) from held_conversations) as conversation_count,
    (select coalesce(sum(c.message_count), 0)::int8 from held_conversations as c) as message_count,
    exists(
        select b.document_id
        from document_contents as b
        where b.user_id = $1::uuid and b.removed_at < 'infinity'
    ) as has_left_over,
    coalesce((select bool_or(t.has_index) from held_totals as t), false) as has_index,
    (select count(*) from held_collections) as collection_count,
    (
        select count(*)
        from (
            select f.file_id
            from collection_files as f
            where f.user_id = $1::uuid
            order by f.collection_id, f.file_id
            limit $2::int
        ) as n
    ) as file_count,
    (
        select count(*)
        from (
            select r.id
            from collection_readers as r
            where r.user_id = $1::uuid
            order by r.collection_id, r.id
            limit $2::int
        ) as n
    ) as reader_count,
    (
        select count(*)
        from (
            select b.first_byte
            from upload_bytes as b
            where b.user_id = $1::uuid
            order by b.upload_id, b.part_id, b.first_byte
            limit 1
        ) as p
    ) > 0 as has_upload_bytes
from users as u
where u.id = $1::uuid and (select count(*) from held_totals) >= 0
for update;
