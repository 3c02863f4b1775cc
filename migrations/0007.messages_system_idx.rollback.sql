drop index concurrently if exists messages_system_idx;
