-- Why: a user can let other users, or everyone, read a collection. A reader finds and opens the files in it,
--   and changes nothing. A request of a reader first looks for the share here, so taking it back holds at
--   once on every server. The id of a share is new each time it is given, which shows a reader's request
--   whether the share was taken back meanwhile.
-- Lock: SHARE ROW EXCLUSIVE on users and collections for milliseconds, for the foreign keys of a new table.
-- On 10M rows: milliseconds; its table is new.
-- Serves: collection_readers/*, users/hold, users/delete, users/erase_collections, doctor/dangling_readers,
--   samples/reader
-- Rollback loses: the shares; each collection is its owner's alone again.
-- depends: 0032.term_arrays
create table collection_readers (
    user_id uuid not null,
    collection_id uuid not null,
    id uuid not null default uuidv7(),
    reader_id uuid constraint collection_readers_reader_fkey references users (id) on delete cascade,
    created_at timestamptz not null default now(),
    constraint collection_readers_pkey primary key (user_id, collection_id, id),
    constraint collection_readers_reader_key unique nulls not distinct (user_id, collection_id, reader_id),
    constraint collection_readers_collection_fkey foreign key (user_id, collection_id)
    references collections (user_id, id) on delete cascade,
    constraint collection_readers_not_owner check (reader_id <> user_id)
);

-- A reader looks for what other users share with them, and so does the cascade of a user who is erased.
create index collection_readers_reader_idx on collection_readers (reader_id, collection_id);

comment on table collection_readers is 'Who may read a collection beside its owner.';
comment on column collection_readers.reader_id is 'Null: everyone.';
