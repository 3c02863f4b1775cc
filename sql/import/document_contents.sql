-- import/document_contents :copy
-- The bytes of documents of an export.
-- $1 user_id     uuid   the tenant
-- $2 document_id uuid
-- $3 content     bytea
copy document_contents (user_id, document_id, content) from stdin with (format binary);
