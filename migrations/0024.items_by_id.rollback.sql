drop index concurrently if exists messages_item_id_idx;
