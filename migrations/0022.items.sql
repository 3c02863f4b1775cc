-- Why: the items of a conversation that are no messages, such as the reasoning of a model, and those fields
--   of an item for which a message has no column. An item that no message can represent is a row of the role
--   item, which the lists of messages and the context skip. The constraints are validated by the next
--   migration.
-- Lock: ACCESS EXCLUSIVE on messages, for milliseconds: the column is null, and constraints that are not
--   valid read no row.
-- On 10M rows: milliseconds.
-- Serves: items/*, messages/append, messages/list, messages/get, messages/context,
--   conversations/list_with_recent, export/messages, import/messages
-- Rollback loses: the fields of items that messages do not have; items that are no messages become empty
--   messages of the role assistant.
-- depends: 0021.external_ids_unique
alter table messages
add column item jsonb,
-- squawk-ignore ban-drop-constraint
drop constraint messages_role_known,
add constraint messages_role_known check (
    role in ('user', 'assistant', 'system', 'developer', 'tool', 'function', 'item')
) not valid,
add constraint messages_item_object check (jsonb_typeof(item) = 'object') not valid;

comment on column messages.item is
'An item of the role item as it was sent; else the fields of the item that the other columns do not have. '
'Its id is the one that the client gave; without one, it is made from the id of the row. '
'Null: no such fields.';
