-- Why: a filter can compare numbers, dates and texts, and combine comparisons. What an index serves stays a
--   member of its own; the rest is a jsonpath, which is a value that is bound like any other.
-- Lock: none on tables.
-- On 10M rows: milliseconds.
-- Serves: search/exact, search/bits, search/index_filtered, documents/hold_matching, documents/retry_many,
--   documents/list_matching, documents/count_matching, conversations/list_matching,
--   conversations/count_matching
-- Rollback loses: nothing.
-- depends: 0011.terms
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

comment on function document_matches(uuid, jsonb, documents) is
'Whether a document passes the filters of a search, a JSON object with a member for each filter: metadata, '
'file_types, uploaded_after, uploaded_before, and path, a jsonpath predicate on the metadata, in which '
'$filename and the like are the fields of the document if has_fields is there. Timestamps are seconds since '
'1970, and in variables microseconds: the planner converts these, while text, whose meaning depends on '
'settings of the session, would be converted for each row. A member that is missing or null lets every '
'document pass, and so do filters that are null. The planner inlines the function, so its conditions can use '
'indexes.';

create function conversation_matches(tenant uuid, filters jsonb, conversation conversations) returns boolean
language sql stable parallel safe
return
conversation.user_id = tenant
and (filters ->> 'metadata' is null or conversation.metadata @> (filters -> 'metadata'))
and (
    filters ->> 'uploaded_after' is null
    or conversation.created_at >= to_timestamp((filters ->> 'uploaded_after')::float8)
)
and (
    filters ->> 'uploaded_before' is null
    or conversation.created_at < to_timestamp((filters ->> 'uploaded_before')::float8)
)
and (
    filters ->> 'path' is null
    or jsonb_path_match(
        conversation.metadata,
        (filters ->> 'path')::jsonpath,
        case
            when filters ->> 'has_fields' is null then '{}'::jsonb
            else jsonb_build_object(
                'id', conversation.id,
                'title', conversation.title,
                'message_count', conversation.message_count,
                'created_at', (extract(epoch from conversation.created_at) * 1000000)::int8,
                'updated_at', (extract(epoch from conversation.updated_at) * 1000000)::int8
            )
        end,
        true
    )
);

comment on function conversation_matches(uuid, jsonb, conversations) is
'Whether a conversation passes the filter of a list, in the form that document_matches takes. The planner '
'inlines the function.';
