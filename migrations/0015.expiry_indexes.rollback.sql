drop index concurrently if exists conversations_expires_idx;
drop index concurrently if exists documents_expires_idx;
