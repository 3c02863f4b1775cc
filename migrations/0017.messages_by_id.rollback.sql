drop index concurrently if exists messages_id_idx;
