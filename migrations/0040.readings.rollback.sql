update collection_files as f
set document_id = f.file_id
from documents as d
where f.user_id = d.user_id and f.document_id = d.id and d.file_id is not null;

update tenant_totals as t
set chunk_count = t.chunk_count - n.chunk_count
from (
    select
        d.user_id,
        sum(d.chunk_count) as chunk_count
    from documents as d
    where d.file_id is not null
    group by d.user_id
) as n
where t.user_id = n.user_id;

delete from ingestion_jobs as j
using documents as d
where j.user_id = d.user_id and j.document_id = d.id and d.file_id is not null;

update document_contents
set removed_at = now()
where removed_at = 'infinity';

delete from documents
where file_id is not null;

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
                'id', document.id,
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

comment on column document_contents.removed_at is
'When the document was deleted; its bytes, chunks and vectors are being erased. Null: it is there.';

alter table documents
drop column file_id;
