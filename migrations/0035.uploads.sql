-- Why: a large file is sent in several requests, each of which adds a part to an upload. Completing the
--   upload makes a document of the parts, in the order that the client gives. What is not completed expires.
-- Lock: SHARE ROW EXCLUSIVE on users for a moment, for the foreign key: it waits for writers, readers go on.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: uploads/*, upload_parts/*, users/hold, users/erase_uploads, users/delete
-- Rollback loses: uploads that are not completed.
-- depends: 0034.file_parts
create table uploads (
    user_id uuid not null constraint uploads_user_id_fkey references users (id) on delete cascade,
    id uuid not null default uuidv7(),
    filename text not null constraint uploads_filename_length check (char_length(filename) between 1 and 255),
    purpose text not null constraint uploads_purpose_length check (char_length(purpose) between 1 and 64),
    mime_type text not null constraint uploads_mime_type_length check (
        char_length(mime_type) between 1 and 255
    ),
    file_bytes bigint not null constraint uploads_file_bytes_positive check (file_bytes > 0),
    file_expires_after_s bigint,
    status text not null default 'pending' constraint uploads_status_known check (
        status in ('pending', 'completed', 'cancelled')
    ),
    file_id uuid,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint uploads_pkey primary key (user_id, id)
);

comment on column uploads.file_bytes is 'How many bytes the parts must have together.';
comment on column uploads.file_expires_after_s is
'Seconds from the completion until the document is deleted; null: as its purpose demands.';
comment on column uploads.file_id is 'The document that it became; null: it is not completed.';

-- A worker looks across all tenants for what has expired.
create index uploads_expires_idx on uploads (expires_at);

create table upload_parts (
    user_id uuid not null,
    upload_id uuid not null,
    id uuid not null default uuidv7(),
    part_bytes bigint not null constraint upload_parts_bytes_positive check (part_bytes > 0),
    created_at timestamptz not null default now(),
    constraint upload_parts_pkey primary key (user_id, upload_id, id),
    constraint upload_parts_upload_fkey foreign key (user_id, upload_id)
    references uploads (user_id, id) on delete cascade
);

create table upload_bytes (
    user_id uuid not null,
    upload_id uuid not null,
    part_id uuid not null,
    first_byte bigint not null constraint upload_bytes_first_byte_positive check (first_byte >= 0),
    content bytea not null constraint upload_bytes_content_length check (
        octet_length(content) between 1 and 1048576
    ),
    constraint upload_bytes_pkey primary key (user_id, upload_id, part_id, first_byte),
    constraint upload_bytes_part_fkey foreign key (user_id, upload_id, part_id)
    references upload_parts (user_id, upload_id, id) on delete cascade
);

comment on column upload_bytes.first_byte is 'The place of its first byte in the part, from 0.';
