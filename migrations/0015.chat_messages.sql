-- Why: messages as models speak them: instructions of the role developer, results of the role function, a
--   content that is null or a list of parts, the calls of tools and the answers to them, and metadata of the
--   application. A single message can be edited and deleted. Its position is not assigned again, so the
--   number of deleted messages is counted apart. The constraints are validated by the next migration.
-- Lock: ACCESS EXCLUSIVE on messages, conversations and message_jobs, for milliseconds: defaults that are
--   constants rewrite no row, and constraints that are not valid read none.
-- On 10M rows: milliseconds.
-- Serves: messages/*, conversations/list_with_recent, conversations/erase_messages, message_search/exact,
--   message_search/bits, message_jobs/pending, message_jobs/start, message_jobs/finish, export/messages,
--   export/conversations, import/messages, import/conversations, import/count_messages,
--   import/queue_messages, doctor/wrong_message_counts
-- Rollback loses: the parts, the calls of tools and the metadata of messages; developer becomes system, and
--   function becomes tool.
-- depends: 0014.plan_bounds_counted
alter table messages
add column parts jsonb,
add column tool_calls jsonb,
add column tool_call_id text,
add column name text,
add column metadata jsonb not null default '{}',
add column edited_at timestamptz,
-- squawk-ignore ban-drop-not-null
alter column content drop not null,
-- squawk-ignore ban-drop-constraint
drop constraint messages_role_known,
add constraint messages_role_known check (
    role in ('user', 'assistant', 'system', 'developer', 'tool', 'function')
) not valid,
add constraint messages_parts_array check (jsonb_typeof(parts) = 'array') not valid,
add constraint messages_tool_calls_array check (jsonb_typeof(tool_calls) = 'array') not valid,
add constraint messages_metadata_object check (jsonb_typeof(metadata) = 'object') not valid;

comment on column messages.content is
'The text of the message, or of its parts; null: it has none.';
comment on column messages.parts is
'The content as it was sent, if it is a list of parts; null: the content is the text.';
comment on column messages.edited_at is 'When the message was last changed; null: never.';

alter table conversations
add column deleted_message_count bigint not null default 0,
add constraint conversations_deleted_messages_positive check (deleted_message_count >= 0) not valid;

comment on column conversations.deleted_message_count is
'Messages that were deleted one by one. With message_count, it is the last position that was assigned.';

alter table message_jobs add column again_from bigint;

comment on column message_jobs.again_from is
'The first position whose message lost its vectors because it was edited; null: none did.';
