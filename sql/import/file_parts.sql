-- import/file_parts :copy
-- The parts of files of an export.
-- $1 user_id     uuid   the tenant
-- $2 document_id uuid
-- $3 first_byte  int8
-- $4 content     bytea
copy file_parts (user_id, document_id, first_byte, content) from stdin with (format binary);
