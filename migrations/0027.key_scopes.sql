-- Why: a key that is kept where it can be read by others, such as in a page, should not be able to change
--   anything.
-- Lock: ACCESS EXCLUSIVE on api_keys for milliseconds: a default that is a constant rewrites no row, and the
--   constraint is validated by the next migration.
-- On 10M rows: milliseconds.
-- Serves: keys/*, export/api_keys
-- Rollback loses: the scopes of keys: a key that can only read can change everything again.
-- depends: 0026.collections_validated
alter table api_keys
add column scopes text[] not null default '{read,write}',
add constraint api_keys_scopes_known check (
    cardinality(scopes) > 0 and scopes <@ array['read', 'write']
) not valid;

comment on column api_keys.scopes is 'What requests with the key may do; write includes read.';
