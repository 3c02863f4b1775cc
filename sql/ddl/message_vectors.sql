-- ddl/message_vectors :ddl
-- The vectors of messages, apart from the text and in narrow rows, like those of chunks. A message with more
-- tokens than a chunk has several pieces, each with a vector. Role and creation time are repeated here
-- because searches filter by them and a message never changes. The primary key includes the signatures, so a
-- tenant's or a conversation's signatures are read by an index-only scan, filters included. Vectors reference
-- the conversation, not the message, so that a deletion finds all of them in one scan. Inserts are vacuumed
-- early, because index-only scans need the visibility map.
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
