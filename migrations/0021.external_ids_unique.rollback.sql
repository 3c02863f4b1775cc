drop index concurrently if exists users_external_id_key;
