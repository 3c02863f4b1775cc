update plans set max_conversations = null, max_messages = null, max_keys = null;
update tenant_totals
set
    conversation_count = 0,
    message_count = 0,
    key_count = 0,
    conversation_limit = null,
    message_limit = null,
    key_limit = null;
