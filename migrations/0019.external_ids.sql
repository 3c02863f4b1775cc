-- Why: an application has ids of its own for its users. A request can name a user by such an id, so that the
--   application need not store Cabinet's.
-- Lock: ACCESS EXCLUSIVE on users for milliseconds: a column without a default rewrites no row, and the
--   constraint is validated by the next migration.
-- On 10M rows: milliseconds.
-- Serves: users/*, import/users
-- Rollback loses: the external ids.
-- depends: 0018.instructions
alter table users
add column external_id text,
add constraint users_external_id_length check (char_length(external_id) between 1 and 255) not valid;

comment on column users.external_id is 'The id of the user in the application, or the subject of its tokens.';
