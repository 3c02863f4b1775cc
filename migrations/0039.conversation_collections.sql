-- Why: a chat about some collections should search only them, without each client naming them in each turn.
--   The ids have no foreign key: a collection may be another user's, and one that is deleted must still limit
--   the conversation, which then finds nothing.
-- Lock: ACCESS EXCLUSIVE on conversations for milliseconds: a column that can be null rewrites no row, and
--   the constraint is not validated, since all rows have null.
-- On 10M rows: milliseconds.
-- Serves: conversations/*, messages/context, export/conversations, import/conversations
-- Rollback loses: the collections of the conversations. Their searches are no longer limited to them.
-- depends: 0038.script_stems
alter table conversations
add column collection_ids uuid[],
add constraint conversations_collections_bounded check (
    cardinality(collection_ids) <= 100 and array_position(collection_ids, null) is null
) not valid;

comment on column conversations.collection_ids is
'The collections, of this or of another user, to which its searches are limited; null or empty: no limit.';
