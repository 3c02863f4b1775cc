-- Why: a key that is given to one application should reach the files of that application alone.
-- Lock: ACCESS EXCLUSIVE on api_keys for milliseconds: a column that can be null rewrites no row.
-- On 10M rows: milliseconds.
-- Serves: keys/*, export/api_keys
-- Rollback loses: the keys that are limited to a collection, since without the limit they would reach all
--   data of their users.
-- depends: 0036.new_contents
alter table api_keys add column collection_id uuid;

comment on column api_keys.collection_id is
'The only collection that requests with the key reach; null: all data of the user.';
