-- import/drop_vanished_conversations :exec
-- Deletes imported conversations without any of their messages: they were deleted during the export.
-- $1 user_id uuid  the tenant
-- index: conversations_pkey, messages_pkey
delete from conversations as c
where
    c.user_id = $1::uuid
    and c.message_count > 0
    and not exists (
        select m.id
        from messages as m
        where m.user_id = $1::uuid and m.conversation_id = c.id
    );
