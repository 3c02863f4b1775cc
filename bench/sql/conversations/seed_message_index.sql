-- An index that the ORM's models do not have, in their favour: without it each conversation reads all
-- messages.
create index messages_conversation_idx on seed.messages (conversation_id, created_at);
