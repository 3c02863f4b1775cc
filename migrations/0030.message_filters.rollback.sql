drop function message_matches(uuid, jsonb, messages);
