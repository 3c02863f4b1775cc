-- documents/lock_name :exec
-- First statement of the transaction of an upload that is skipped if the file exists. Serializes uploads with
-- the same name, so that a later one finds the document of an earlier one.
-- $1 user_id  uuid  the tenant
-- $2 filename text
select pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2::text, 0));
