-- Why: collections that hold the same file need not share one way of splitting it into chunks. A document
--   with a file_id is a further reading of that file: it has chunks of its own and no bytes, and no list
--   shows it. Collections with equal sizes of chunks share a reading. The row that would have the bytes of a
--   reading is marked as removed for ever, so that searches that name no collection pass over its chunks by
--   the index by which they pass over those of deleted documents.
-- Lock: ACCESS EXCLUSIVE on documents for milliseconds: a column that can be null rewrites no row, and the
--   foreign key is not validated, since all rows have null. SHARE UPDATE EXCLUSIVE on document_contents, for
--   its comment: reads and writes go on.
-- On 10M rows: milliseconds.
-- Serves: collection_files/add, documents/*, ingest/*, search/*, export/documents, import/hide_readings
-- Rollback loses: the further readings. The collections that have them get the chunks of the file instead.
-- depends: 0039.conversation_collections
alter table documents
add column file_id uuid,
add constraint documents_file_fkey foreign key (user_id, file_id)
references documents (user_id, id) on delete cascade not valid;

comment on column documents.file_id is
'The document of whose bytes this is a further reading, with chunks of other sizes; null: it has its own.';

comment on column document_contents.removed_at is
'When the document was deleted: its bytes, chunks and vectors are being erased. Null: it is there. Infinity: '
'it is a further reading of a file, which has no bytes.';

create or replace function document_matches(tenant uuid, filters jsonb, document documents) returns boolean
language sql stable parallel safe
return
(
    filters ->> 'metadata' is null
    or (
        document.metadata @> (filters -> 'metadata')
        and tenant_metadata(document.user_id, document.metadata)
        @> tenant_metadata(tenant, filters -> 'metadata')
    )
)
and (filters ->> 'file_types' is null or filters -> 'file_types' ? document.file_type)
and (
    filters ->> 'uploaded_after' is null
    or document.created_at >= to_timestamp((filters ->> 'uploaded_after')::float8)
)
and (
    filters ->> 'uploaded_before' is null
    or document.created_at < to_timestamp((filters ->> 'uploaded_before')::float8)
)
and (
    filters ->> 'path' is null
    or jsonb_path_match(
        document.metadata,
        (filters ->> 'path')::jsonpath,
        case
            when filters ->> 'has_fields' is null then '{}'::jsonb
            else jsonb_build_object(
                'id', coalesce(document.file_id, document.id),
                'filename', document.filename,
                'file_type', document.file_type,
                'file_size', document.file_size,
                'status', document.status,
                'created_at', (extract(epoch from document.created_at) * 1000000)::int8,
                'updated_at', (extract(epoch from document.updated_at) * 1000000)::int8
            )
        end,
        true
    )
);
