-- Why: searches also find words. Each chunk, and each message that has a vector, gets its terms: with their
--   weights, by which BM25 orders the texts that contain a query's terms, and as keys in an index that finds
--   these texts. term_stats has the share of a tenant's texts that contain a term, from a sample that
--   term_samples describes. Texts that were stored before have no terms: workers add them in the background,
--   tenant by tenant, as term_jobs says. Like the other queues it has no foreign key, and a job of a user who
--   is gone is dropped. Rows with terms refer to the row that their text's vector refers to, so that a
--   deletion finds all of them by one scan. They are stored in line, up to a whole page: a search reads every
--   candidate.
-- Lock: SHARE ROW EXCLUSIVE on users, document_contents and conversations for a moment, for the foreign keys:
--   it waits for writers, readers go on.
-- On 10M rows: a second for each million users, for their jobs. Afterwards workers need some tenths of a
--   millisecond for each chunk and message, and the terms about 1.7 times the space of the text.
-- Serves: terms/*, search/*, message_search/*, ingest/write_terms, message_jobs/write_terms,
--   documents/transfer_chunks, documents/erase_left_over, conversations/erase_messages, users/delete,
--   import/reset_incomplete_documents, doctor/*
-- Rollback loses: the terms, which another upgrade makes again.
-- depends: 0010.document_warnings
create table chunk_terms (
    user_id uuid not null,
    chunk_id uuid not null,
    document_id uuid not null,
    keys integer[] not null,
    weights sparsevec(1000000000) not null,
    constraint chunk_terms_pkey primary key (user_id, chunk_id),
    constraint chunk_terms_document_fkey foreign key (user_id, document_id)
    references document_contents (user_id, document_id) on delete cascade
) with (
    toast_tuple_target = 8160,
    autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.02
);

alter table chunk_terms alter column keys set storage external;

comment on column chunk_terms.keys is
'The terms of the chunk, each XOR a number of the tenant: the first 31 bits of the SHA-256 of the user_id. '
'So a scan of the index for a common word does not read the postings of other tenants.';
comment on column chunk_terms.weights is
'For each term, a hash from 1 to 10^9, its weight by BM25 without the rarity of the term, which the query '
'has.';

create index chunk_terms_document_idx on chunk_terms (user_id, document_id);

-- A list of pending entries makes inserts five times as fast. Every search reads it, so it is kept short.
create index chunk_terms_keys_idx on chunk_terms
using gin (keys) with (fastupdate = on, gin_pending_list_limit = 1024);

create function changed_keys(keys integer[], change integer) returns integer[]
language sql immutable parallel safe
return array(select int4xor(k.key, change) from unnest(keys) as k (key));

comment on function changed_keys(integer[], integer) is
'The keys, each XOR a number: the numbers of two tenants XOR each other turn keys of one into keys of the '
'other.';

create table message_terms (
    user_id uuid not null,
    conversation_id uuid not null,
    position bigint not null,
    role text not null,
    created_at timestamptz not null,
    keys integer[] not null,
    weights sparsevec(1000000000) not null,
    constraint message_terms_pkey primary key (user_id, conversation_id, position),
    constraint message_terms_conversation_fkey foreign key (user_id, conversation_id)
    references conversations (user_id, id) on delete cascade
) with (
    toast_tuple_target = 8160,
    autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.02
);

alter table message_terms alter column keys set storage external;

comment on column message_terms.keys is 'As in chunk_terms, of the whole message.';
comment on column message_terms.weights is 'As in chunk_terms.';

create index message_terms_keys_idx on message_terms
using gin (keys) with (fastupdate = on, gin_pending_list_limit = 1024);

create table term_samples (
    user_id uuid not null constraint term_samples_user_id_fkey references users (id) on delete cascade,
    kind text not null constraint term_samples_kind_known check (kind in ('chunk', 'message')),
    text_count bigint not null,
    sampled integer not null,
    other_share real not null,
    sampled_at timestamptz not null default now(),
    constraint term_samples_pkey primary key (user_id, kind)
);

comment on column term_samples.text_count is
'How many texts of the kind the tenant had when the sample was taken.';
comment on column term_samples.other_share is
'The share of the texts that is assumed to contain a term that is not in term_stats.';

create table term_stats (
    user_id uuid not null,
    kind text not null,
    term integer not null,
    share real not null,
    constraint term_stats_pkey primary key (user_id, kind, term),
    constraint term_stats_sample_fkey foreign key (user_id, kind)
    references term_samples (user_id, kind) on delete cascade
);

comment on column term_stats.share is
'The share of the sampled texts that contain the term, above 0 and at most 1. Terms of few texts are left '
'out.';

create table term_jobs (
    user_id uuid not null,
    chunk_id uuid,
    conversation_id uuid,
    position bigint,
    due_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    constraint term_jobs_pkey primary key (user_id)
) with (fillfactor = 70);

create index term_jobs_due_idx on term_jobs (due_at);

comment on column term_jobs.chunk_id is
'The last chunk that is done, in the order of their ids; null: none. conversation_id and position are the '
'last message that is done, and not null when all chunks are.';
comment on column term_jobs.due_at is
'When a worker may continue: at once when new, at the end of its lease while a worker does.';

insert into term_jobs (user_id)
select u.id as user_id
from users as u
where
    exists (
        select c.id
        from chunks as c
        where c.user_id = u.id
    )
    or exists (
        select m.id
        from messages as m
        where m.user_id = u.id
    );
