-- Why: the bytes of a file that has more than 1 MiB are kept in parts of that size at most, so that neither
--   storing nor reading a large file takes its size in memory, and a request for some of its bytes reads the
--   parts that have them. A smaller file stays in document_contents, where its bytes are empty otherwise.
--   Files that were stored before stay as they are: they are read from document_contents.
-- Lock: SHARE ROW EXCLUSIVE on document_contents for a moment, for the foreign key: it waits for writers,
--   readers go on.
-- On 10M rows: milliseconds; its table is new.
-- Serves: file_parts/*, documents/content, documents/erase_left_over, documents/put_content,
--   upload_parts/give, export/file_parts, import/file_parts, import/drop_vanished_documents, users/delete,
--   doctor/wrong_file_parts
-- Rollback loses: nothing, but it fails if a file has 1 GB, which is more than one value can hold. It
--   rewrites the bytes of all files over 1 MiB.
-- depends: 0033.collection_readers
create table file_parts (
    user_id uuid not null,
    document_id uuid not null,
    first_byte bigint not null constraint file_parts_first_byte_positive check (first_byte >= 0),
    content bytea not null constraint file_parts_content_length check (
        octet_length(content) between 1 and 1048576
    ),
    constraint file_parts_pkey primary key (user_id, document_id, first_byte),
    constraint file_parts_contents_fkey foreign key (user_id, document_id)
    references document_contents (user_id, document_id) on delete cascade
);

comment on column file_parts.first_byte is
'The place of its first byte in the file, from 0. The next part begins where this one ends.';
