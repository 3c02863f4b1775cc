drop table collection_files;
drop table file_batches;
drop table collections;

update documents
set status = 'error', error = 'the file was kept without being read; retry the document to have it read'
where status = 'stored';

comment on column documents.status is null;

alter table documents
drop constraint documents_purpose_length,
drop constraint documents_status_known,
drop column purpose,
add constraint documents_status_known check (status in ('processing', 'ready', 'error'));
