-- ddl/message_vectors :ddl
-- The vectors of the messages, apart from the text and narrow, as those of the chunks are. A message of more
-- tokens than a chunk has several pieces, each with a vector. Role and moment stand here too, since a search
-- is limited by them and a message never changes. The key carries the signatures along: so a tenant's, or
-- those of one conversation, are read from the one index alone, filters included. A vector goes with its
-- conversation, not with its message: a deletion finds all of them by one scan. Inserts are vacuumed soon,
-- because an index is read alone only where the visibility map knows the pages.
create table if not exists message_vectors (
    user_id uuid not null,
    conversation_id uuid not null,
    position bigint not null,
    piece integer not null,
    role text not null,
    created_at timestamptz not null,
    embedding halfvec(:dimensions) storage plain not null,
    signature bit(:bits) storage plain not null,
    constraint message_vectors_pkey primary key (user_id, conversation_id, position, piece)
    include (role, created_at, signature),
    constraint message_vectors_conversation_fkey foreign key (user_id, conversation_id)
    references conversations (user_id, id) on delete cascade
) with (autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0.02);
