-- Why: searches of messages take a filter, as searches of documents do: on the metadata, and on the role, the
--   name, the time, the conversation and the place of a message.
-- Lock: none on tables.
-- On 10M rows: milliseconds.
-- Serves: message_search/exact, message_search/bits, message_search/keyword, message_search/hybrid_exact,
--   message_search/hybrid_bits
-- Rollback loses: nothing.
-- depends: 0029.chunk_sizes
create function message_matches(tenant uuid, filters jsonb, message messages) returns boolean
language sql stable parallel safe
return
message.user_id = tenant
and (filters ->> 'metadata' is null or message.metadata @> (filters -> 'metadata'))
and (
    filters ->> 'uploaded_after' is null
    or message.created_at >= to_timestamp((filters ->> 'uploaded_after')::float8)
)
and (
    filters ->> 'uploaded_before' is null
    or message.created_at < to_timestamp((filters ->> 'uploaded_before')::float8)
)
and (
    filters ->> 'path' is null
    or jsonb_path_match(
        message.metadata,
        (filters ->> 'path')::jsonpath,
        case
            when filters ->> 'has_fields' is null then '{}'::jsonb
            else jsonb_build_object(
                'id', message.id,
                'conversation_id', message.conversation_id,
                'position', message.position,
                'role', message.role,
                'name', message.name,
                'tool_call_id', message.tool_call_id,
                'token_count', message.token_count,
                'created_at', (extract(epoch from message.created_at) * 1000000)::int8
            )
        end,
        true
    )
);

comment on function message_matches(uuid, jsonb, messages) is
'Whether a message passes the filter of a search, in the form that document_matches takes. The planner '
'inlines the function.';
