-- Why: the constraints of the migration before are validated apart, so that messages are read without a lock
--   that excludes their readers and writers.
-- Lock: SHARE UPDATE EXCLUSIVE on messages and conversations: reads and writes go on.
-- On 10M rows: about ten seconds.
-- Serves: messages/append, messages/update, messages/delete, import/messages, import/conversations
-- Rollback loses: nothing.
-- depends: 0015.chat_messages
alter table messages validate constraint messages_role_known;
alter table messages validate constraint messages_parts_array;
alter table messages validate constraint messages_tool_calls_array;
alter table messages validate constraint messages_metadata_object;
alter table conversations validate constraint conversations_deleted_messages_positive;
