-- conversations/delete :exec
-- Deletes a conversation and, by cascade, its messages.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- index: conversations_pkey
delete from conversations as c
where c.user_id = $1::uuid and c.id = $2::uuid;
