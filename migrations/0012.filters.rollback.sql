drop function conversation_matches(uuid, jsonb, conversations);
create or replace function document_matches(tenant uuid, filters jsonb, document documents) returns boolean
language sql immutable parallel safe
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
);
comment on function document_matches(uuid, jsonb, documents) is
'Whether a document passes the filters of a search, a JSON object with a member for each filter: metadata, '
'file_types, uploaded_after, uploaded_before. Timestamps are seconds since 1970: the planner converts these, '
'while text, whose meaning depends on settings of the session, would be converted for each row. A member '
'that is missing or null lets every document pass, and so do filters that are null. The planner inlines the '
'function, so its conditions can use indexes.';
