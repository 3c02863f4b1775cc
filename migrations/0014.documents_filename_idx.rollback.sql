drop index concurrently if exists documents_user_filename_idx;
