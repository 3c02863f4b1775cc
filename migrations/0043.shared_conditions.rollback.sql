drop function collection_file_matches(uuid[], uuid[], text, collection_files);

drop function has_not_expired(collections);

drop function is_shared_with(uuid, collection_readers);
