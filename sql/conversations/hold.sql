-- conversations/hold :exec
-- First statement of the transaction that replaces the documents of a conversation. It serialises such
-- transactions, so that the next statement sees every document of the conversation; a single statement would
-- wait for the row but delete only the documents in its own snapshot. `for update`, unlike the lock of an
-- update, also conflicts with ingest/replace, which adds the new document to the conversation.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- index: conversations_pkey
select c.id
from conversations as c
where c.user_id = $1::uuid and c.id = $2::uuid
for update;
