comment on column chunks.metadata is null;
comment on column chunks.content_hash is
'The first 16 bytes of the content''s SHA-256. A worker finds the vector of an equal text by it.';

alter table documents add constraint documents_file_type_known check (
    file_type in ('text', 'markdown', 'html', 'pdf', 'csv', 'docx')
);

alter table documents drop column warnings;
