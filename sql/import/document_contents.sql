-- import/document_contents :copy
-- The bytes of documents of an export.
-- $1 user_id     uuid   the tenant
-- $2 document_id uuid
-- $3 content     bytea
-- $4 charset     text null
copy document_contents (user_id, document_id, content, charset) from stdin with (format binary);
