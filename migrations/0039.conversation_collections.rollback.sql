alter table conversations
drop column collection_ids;
