-- Why: a worker looks for what has expired, across all tenants. The indexes hold only rows that have an end,
--   so they cost nothing where nobody sets one. What a killed build left is dropped first.
-- Lock: SHARE UPDATE EXCLUSIVE on documents, then on conversations, while the index of each is built; reads
--   and writes go on.
-- On 10M rows: about five seconds a table, which is read twice.
-- Serves: documents/list_expired, conversations/list_expired
-- Rollback loses: nothing but time.
-- depends: 0014.documents_filename_idx
-- transactional: false
drop index concurrently if exists documents_expires_idx;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists documents_expires_idx on documents (expires_at)
where expires_at is not null;
drop index concurrently if exists conversations_expires_idx;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists conversations_expires_idx on conversations (expires_at)
where expires_at is not null;
