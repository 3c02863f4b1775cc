-- The schema that the migrations and sql/ddl/ make, with the local embedding model. For reading and comparing: nothing
-- runs it. `make schema` writes it, and a test compares it with what the migrations make.

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

CREATE FUNCTION public.changed_keys(keys integer[], change integer) RETURNS integer[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT int4xor(k.key, changed_keys.change) AS int4xor FROM unnest(changed_keys.keys) k(key));

COMMENT ON FUNCTION public.changed_keys(keys integer[], change integer) IS 'The keys, each XOR a number: the numbers of two tenants XOR each other turn keys of one into keys of the other.';

CREATE TABLE public.collection_files (
    user_id uuid NOT NULL,
    collection_id uuid NOT NULL,
    file_id uuid NOT NULL,
    document_id uuid,
    batch_id uuid,
    seq uuid DEFAULT uuidv7() NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_cancelled boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    left_at timestamp with time zone,
    CONSTRAINT collection_files_attributes_object CHECK ((jsonb_typeof(attributes) = 'object'::text))
)
WITH (fillfactor='85');

COMMENT ON COLUMN public.collection_files.file_id IS 'The id that the document has, or had.';

COMMENT ON COLUMN public.collection_files.document_id IS 'Null: the file was deleted, or taken out of the collection.';

COMMENT ON COLUMN public.collection_files.seq IS 'The order in which files were added.';

COMMENT ON COLUMN public.collection_files.is_cancelled IS 'Whether its batch was cancelled before the file was read: it is not searched in this collection.';

COMMENT ON COLUMN public.collection_files.left_at IS 'When it left; null: it is there, or it was deleted and the sweep has not seen that yet.';

CREATE FUNCTION public.collection_file_matches(collections uuid[], documents uuid[], attributes text, file public.collection_files) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (((file).collection_id = ANY (collections)) AND ((file).document_id IS NOT NULL) AND (NOT (file).is_cancelled) AND ((documents IS NULL) OR ((file).file_id = ANY (documents))) AND ((attributes IS NULL) OR jsonb_path_match((file).attributes, (attributes)::jsonpath, '{}'::jsonb, true)));

COMMENT ON FUNCTION public.collection_file_matches(collections uuid[], documents uuid[], attributes text, file public.collection_files) IS 'Whether a file is in one of some collections, is not cancelled and has not left it, and passes the limits to documents and to attributes, a jsonpath predicate; each of these is null where there is none. The planner inlines the function, so its conditions can use indexes.';

CREATE TABLE public.conversations (
    user_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    title text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    message_count bigint DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_message_count bigint DEFAULT 0 NOT NULL,
    collection_ids uuid[],
    CONSTRAINT conversations_deleted_messages_positive CHECK ((deleted_message_count >= 0)),
    CONSTRAINT conversations_metadata_object CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT conversations_title_length CHECK ((char_length(title) <= 255))
)
WITH (fillfactor='85');

COMMENT ON COLUMN public.conversations.deleted_message_count IS 'Messages that were deleted one by one. With message_count, it is the last position that was assigned.';

COMMENT ON COLUMN public.conversations.collection_ids IS 'The collections, of this or of another user, to which its searches are limited; null or empty: no limit.';

CREATE FUNCTION public.conversation_matches(tenant uuid, filters jsonb, conversation public.conversations) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (((conversation).user_id = tenant) AND (((filters ->> 'metadata'::text) IS NULL) OR ((conversation).metadata @> (filters -> 'metadata'::text))) AND (((filters ->> 'uploaded_after'::text) IS NULL) OR ((conversation).created_at >= to_timestamp(((filters ->> 'uploaded_after'::text))::double precision))) AND (((filters ->> 'uploaded_before'::text) IS NULL) OR ((conversation).created_at < to_timestamp(((filters ->> 'uploaded_before'::text))::double precision))) AND (((filters ->> 'path'::text) IS NULL) OR jsonb_path_match((conversation).metadata, ((filters ->> 'path'::text))::jsonpath, CASE WHEN ((filters ->> 'has_fields'::text) IS NULL) THEN '{}'::jsonb ELSE jsonb_build_object('id', (conversation).id, 'title', (conversation).title, 'message_count', (conversation).message_count, 'created_at', ((EXTRACT(epoch FROM (conversation).created_at) * (1000000)::numeric))::bigint, 'updated_at', ((EXTRACT(epoch FROM (conversation).updated_at) * (1000000)::numeric))::bigint) END, true)));

COMMENT ON FUNCTION public.conversation_matches(tenant uuid, filters jsonb, conversation public.conversations) IS 'Whether a conversation passes the filter of a list, in the form that document_matches takes. The planner inlines the function.';

CREATE FUNCTION public.tenant_metadata(user_id uuid, metadata jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_set('{}'::jsonb, ARRAY[(user_id)::text], metadata);

COMMENT ON FUNCTION public.tenant_metadata(user_id uuid, metadata jsonb) IS 'The metadata under the tenant''s id, as {"<user_id>": metadata}. GIN takes no uuid beside the jsonb: an index on this keeps the tenants apart, so that a scan meets no other tenant''s rows. The planner inlines it.';

CREATE TABLE public.documents (
    user_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    filename text NOT NULL,
    file_type text NOT NULL,
    file_size bigint NOT NULL,
    content_hash uuid NOT NULL,
    replaces text,
    status text DEFAULT 'processing'::text NOT NULL,
    error text,
    attempt integer DEFAULT 0 NOT NULL,
    lease_expires_at timestamp with time zone,
    progress real DEFAULT 0 NOT NULL,
    chunk_count integer DEFAULT 0 NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    warnings jsonb DEFAULT '[]'::jsonb NOT NULL,
    purpose text,
    chunk_sizes jsonb,
    has_new_content boolean DEFAULT false NOT NULL,
    file_id uuid,
    CONSTRAINT documents_filename_length CHECK (((char_length(filename) >= 1) AND (char_length(filename) <= 255))),
    CONSTRAINT documents_metadata_object CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT documents_progress_fraction CHECK (((progress >= (0)::double precision) AND (progress <= (1)::double precision))),
    CONSTRAINT documents_purpose_length CHECK (((char_length(purpose) >= 1) AND (char_length(purpose) <= 64))),
    CONSTRAINT documents_status_known CHECK ((status = ANY (ARRAY['stored'::text, 'processing'::text, 'ready'::text, 'error'::text])))
)
WITH (fillfactor='85');

COMMENT ON COLUMN public.documents.content_hash IS 'The first 16 bytes of the SHA-256 of the file.';

COMMENT ON COLUMN public.documents.replaces IS 'The filename whose earlier documents are deleted when this one is ready; null: none.';

COMMENT ON COLUMN public.documents.status IS 'stored: kept, and read only when it is added to a collection. Otherwise the state of the ingestion.';

COMMENT ON COLUMN public.documents.warnings IS 'What was not read of the file, and where: a list of sentences for its owner. Empty until it is ready.';

COMMENT ON COLUMN public.documents.purpose IS 'Why the client keeps the file, in its own words; null: to be searched.';

COMMENT ON COLUMN public.documents.chunk_sizes IS 'The sizes of the chunks that the client asked for, chunk_tokens and overlap_tokens; null: those of the service.';

COMMENT ON COLUMN public.documents.has_new_content IS 'Whether its bytes were replaced and have not been read yet: its chunks are those of the bytes before.';

COMMENT ON COLUMN public.documents.file_id IS 'The document of whose bytes this is a further reading, with chunks of other sizes; null: it has its own.';

CREATE FUNCTION public.document_matches(tenant uuid, filters jsonb, document public.documents) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((((filters ->> 'metadata'::text) IS NULL) OR (((document).metadata @> (filters -> 'metadata'::text)) AND (public.tenant_metadata((document).user_id, (document).metadata) @> public.tenant_metadata(tenant, (filters -> 'metadata'::text))))) AND (((filters ->> 'file_types'::text) IS NULL) OR ((filters -> 'file_types'::text) ? (document).file_type)) AND (((filters ->> 'uploaded_after'::text) IS NULL) OR ((document).created_at >= to_timestamp(((filters ->> 'uploaded_after'::text))::double precision))) AND (((filters ->> 'uploaded_before'::text) IS NULL) OR ((document).created_at < to_timestamp(((filters ->> 'uploaded_before'::text))::double precision))) AND (((filters ->> 'path'::text) IS NULL) OR jsonb_path_match((document).metadata, ((filters ->> 'path'::text))::jsonpath, CASE WHEN ((filters ->> 'has_fields'::text) IS NULL) THEN '{}'::jsonb ELSE jsonb_build_object('id', COALESCE((document).file_id, (document).id), 'filename', (document).filename, 'file_type', (document).file_type, 'file_size', (document).file_size, 'status', (document).status, 'created_at', ((EXTRACT(epoch FROM (document).created_at) * (1000000)::numeric))::bigint, 'updated_at', ((EXTRACT(epoch FROM (document).updated_at) * (1000000)::numeric))::bigint) END, true)));

COMMENT ON FUNCTION public.document_matches(tenant uuid, filters jsonb, document public.documents) IS 'Whether a document passes the filters of a search, a JSON object with a member for each filter: metadata, file_types, uploaded_after, uploaded_before, and path, a jsonpath predicate on the metadata, in which $filename and the like are the fields of the document if has_fields is there. Timestamps are seconds since 1970, and in variables microseconds: the planner converts these, while text, whose meaning depends on settings of the session, would be converted for each row. A member that is missing or null lets every document pass, and so do filters that are null. The planner inlines the function, so its conditions can use indexes.';

CREATE TABLE public.collections (
    user_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    name text,
    description text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    chunking jsonb,
    expires_after_s bigint,
    last_active_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    expired_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT collections_chunking_object CHECK ((jsonb_typeof(chunking) = 'object'::text)),
    CONSTRAINT collections_description_length CHECK ((char_length(description) <= 1000)),
    CONSTRAINT collections_expires_after_positive CHECK ((expires_after_s > 0)),
    CONSTRAINT collections_metadata_object CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT collections_name_length CHECK ((char_length(name) <= 255))
)
WITH (fillfactor='85');

COMMENT ON COLUMN public.collections.chunking IS 'How the client wants its files to be split; null: as the service does.';

COMMENT ON COLUMN public.collections.expires_at IS 'last_active_at and expires_after_s later, written with them so that an index has it; null: never.';

COMMENT ON COLUMN public.collections.expired_at IS 'When the sweep emptied the collection; null: it has not.';

CREATE FUNCTION public.has_not_expired(collection public.collections) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (((collection).expires_at IS NULL) OR ((collection).expires_at > now()));

COMMENT ON FUNCTION public.has_not_expired(collection public.collections) IS 'Whether a collection can be used and searched: it does not expire, or not yet. The planner inlines it.';

CREATE TABLE public.collection_readers (
    user_id uuid NOT NULL,
    collection_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    reader_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT collection_readers_not_owner CHECK ((reader_id <> user_id))
);

COMMENT ON TABLE public.collection_readers IS 'Who may read a collection beside its owner.';

COMMENT ON COLUMN public.collection_readers.reader_id IS 'Null: everyone.';

CREATE FUNCTION public.is_shared_with(reader uuid, share public.collection_readers) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((share).reader_id = reader) OR ((share).reader_id IS NULL));

COMMENT ON FUNCTION public.is_shared_with(reader uuid, share public.collection_readers) IS 'Whether a share is given to a user, or to everyone. It is valid as long as its collection has_not_expired. The planner inlines the function, so its conditions can use indexes.';

CREATE FUNCTION public.json_merge_patch(target jsonb, patch jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    if jsonb_typeof(patch) is distinct from 'object' then
        return patch;
    end if;
    if jsonb_typeof(target) is distinct from 'object' then
        target := '{}';
    end if;
    return (
        select coalesce(jsonb_object_agg(m.key, m.value), '{}')
        from (
            select t.key, t.value from jsonb_each(target) as t where not patch ? t.key
            union all
            select p.key, json_merge_patch(target -> p.key, p.value)
            from jsonb_each(patch) as p
            where jsonb_typeof(p.value) <> 'null'
        ) as m (key, value)
    );
end
$$;

COMMENT ON FUNCTION public.json_merge_patch(target jsonb, patch jsonb) IS 'The target after the patch, as RFC 7396 defines it.';

CREATE TABLE public.messages (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    "position" bigint NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    role text NOT NULL,
    content text,
    sources jsonb DEFAULT '[]'::jsonb NOT NULL,
    token_count integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    parts jsonb,
    tool_calls jsonb,
    tool_call_id text,
    name text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    edited_at timestamp with time zone,
    item jsonb,
    CONSTRAINT messages_item_object CHECK ((jsonb_typeof(item) = 'object'::text)),
    CONSTRAINT messages_metadata_object CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT messages_parts_array CHECK ((jsonb_typeof(parts) = 'array'::text)),
    CONSTRAINT messages_role_known CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text, 'system'::text, 'developer'::text, 'tool'::text, 'function'::text, 'item'::text]))),
    CONSTRAINT messages_sources_array CHECK ((jsonb_typeof(sources) = 'array'::text)),
    CONSTRAINT messages_tokens_positive CHECK ((token_count >= 0)),
    CONSTRAINT messages_tool_calls_array CHECK ((jsonb_typeof(tool_calls) = 'array'::text))
);

COMMENT ON COLUMN public.messages.content IS 'The text of the message, or of its parts; null: it has none.';

COMMENT ON COLUMN public.messages.parts IS 'The content as it was sent, if it is a list of parts; null: the content is the text.';

COMMENT ON COLUMN public.messages.edited_at IS 'When the message was last changed; null: never.';

COMMENT ON COLUMN public.messages.item IS 'An item of the role item as it was sent; else the fields of the item that the other columns do not have. Its id is the one that the client gave; without one, it is made from the id of the row. Null: no such fields.';

CREATE FUNCTION public.message_matches(tenant uuid, filters jsonb, message public.messages) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (((message).user_id = tenant) AND (((filters ->> 'metadata'::text) IS NULL) OR ((message).metadata @> (filters -> 'metadata'::text))) AND (((filters ->> 'uploaded_after'::text) IS NULL) OR ((message).created_at >= to_timestamp(((filters ->> 'uploaded_after'::text))::double precision))) AND (((filters ->> 'uploaded_before'::text) IS NULL) OR ((message).created_at < to_timestamp(((filters ->> 'uploaded_before'::text))::double precision))) AND (((filters ->> 'path'::text) IS NULL) OR jsonb_path_match((message).metadata, ((filters ->> 'path'::text))::jsonpath, CASE WHEN ((filters ->> 'has_fields'::text) IS NULL) THEN '{}'::jsonb ELSE jsonb_build_object('id', (message).id, 'conversation_id', (message).conversation_id, 'position', (message)."position", 'role', (message).role, 'name', (message).name, 'tool_call_id', (message).tool_call_id, 'token_count', (message).token_count, 'created_at', ((EXTRACT(epoch FROM (message).created_at) * (1000000)::numeric))::bigint) END, true)));

COMMENT ON FUNCTION public.message_matches(tenant uuid, filters jsonb, message public.messages) IS 'Whether a message passes the filter of a search, in the form that document_matches takes. The planner inlines the function.';

CREATE TABLE public.api_keys (
    user_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    name text,
    prefix text NOT NULL,
    key_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    scopes text[] DEFAULT '{read,write}'::text[] NOT NULL,
    collection_id uuid,
    CONSTRAINT api_keys_hash_sha256 CHECK ((octet_length(key_hash) = 32)),
    CONSTRAINT api_keys_name_length CHECK ((char_length(name) <= 255)),
    CONSTRAINT api_keys_scopes_known CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['read'::text, 'write'::text])))
);

COMMENT ON COLUMN public.api_keys.scopes IS 'What requests with the key may do; write includes read.';

COMMENT ON COLUMN public.api_keys.collection_id IS 'The only collection that requests with the key reach; null: all data of the user.';

CREATE TABLE public.chunk_terms (
    user_id uuid NOT NULL,
    chunk_id uuid NOT NULL,
    document_id uuid NOT NULL,
    keys integer[] NOT NULL,
    weights public.sparsevec(1000000000) NOT NULL
)
WITH (toast_tuple_target='8160', autovacuum_vacuum_insert_threshold='1000', autovacuum_vacuum_insert_scale_factor='0.02');
ALTER TABLE ONLY public.chunk_terms ALTER COLUMN keys SET STORAGE EXTERNAL;

COMMENT ON COLUMN public.chunk_terms.keys IS 'The terms of the chunk, each XOR a number of the tenant: the first 31 bits of the SHA-256 of the user_id. So a scan of the index for a common word does not read the postings of other tenants.';

COMMENT ON COLUMN public.chunk_terms.weights IS 'For each term, a hash from 1 to 10^9, its weight by BM25 without the rarity of the term, which the query has.';

CREATE TABLE public.chunk_vectors (
    user_id uuid NOT NULL,
    chunk_id uuid NOT NULL,
    document_id uuid NOT NULL,
    embedding public.halfvec(256) NOT NULL,
    signature bit(1536) NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='1000', autovacuum_vacuum_insert_scale_factor='0.02');
ALTER TABLE ONLY public.chunk_vectors ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE ONLY public.chunk_vectors ALTER COLUMN signature SET STORAGE PLAIN;

CREATE TABLE public.chunks (
    user_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    document_id uuid NOT NULL,
    chunk_index integer NOT NULL,
    content text NOT NULL,
    content_hash uuid NOT NULL,
    token_count integer NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chunks_index_positive CHECK ((chunk_index >= 0)),
    CONSTRAINT chunks_tokens_positive CHECK ((token_count >= 0))
);

COMMENT ON COLUMN public.chunks.content_hash IS 'The first 16 bytes of the SHA-256 of the text that was embedded: the headings above the chunk, and its content. A worker finds the vector of an equal text by it.';

COMMENT ON COLUMN public.chunks.metadata IS 'Where the chunk is from: the headings above it (heading), its place in the document''s text in characters (start, end), how many characters at its beginning and end are repeated from elsewhere (added), and its place in the file, such as page.';

CREATE TABLE public.conversation_documents (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    document_id uuid NOT NULL
);

CREATE TABLE public.document_contents (
    user_id uuid NOT NULL,
    document_id uuid NOT NULL,
    content bytea NOT NULL,
    removed_at timestamp with time zone,
    charset text
);

COMMENT ON COLUMN public.document_contents.removed_at IS 'When the document was deleted: its bytes, chunks and vectors are being erased. Null: it is there. Infinity: it is a further reading of a file, which has no bytes.';

COMMENT ON COLUMN public.document_contents.charset IS 'The encoding that the upload declared for the file, by its name in Python; null: none.';

CREATE TABLE public.embedding_model (
    is_current boolean DEFAULT true NOT NULL,
    model text NOT NULL,
    dimensions integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT embedding_model_dimensions CHECK (((dimensions >= 1) AND (dimensions <= 3584))),
    CONSTRAINT embedding_model_single CHECK (is_current)
);

CREATE TABLE public.file_batches (
    user_id uuid NOT NULL,
    collection_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    cancelled_at timestamp with time zone
);

CREATE TABLE public.file_parts (
    user_id uuid NOT NULL,
    document_id uuid NOT NULL,
    first_byte bigint NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT file_parts_content_length CHECK (((octet_length(content) >= 1) AND (octet_length(content) <= 1048576))),
    CONSTRAINT file_parts_first_byte_positive CHECK ((first_byte >= 0))
);

COMMENT ON COLUMN public.file_parts.first_byte IS 'The place of its first byte in the file, from 0. The next part begins where this one ends.';

CREATE TABLE public.idempotency_keys (
    user_id uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    request_digest bytea NOT NULL,
    result jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_digest_sha256 CHECK ((octet_length(request_digest) = 32)),
    CONSTRAINT idempotency_keys_key_length CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255)))
)
WITH (fillfactor='85');

COMMENT ON COLUMN public.idempotency_keys.result IS 'The place of the result, such as the id of the document. Null only inside the transaction that makes it.';

CREATE TABLE public.ingestion_jobs (
    user_id uuid NOT NULL,
    document_id uuid NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    worker text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    interruptions integer DEFAULT 0 NOT NULL
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.ingestion_jobs.attempt IS 'Rises with each claim and never falls: the fencing token that a worker must show to change the document.';

COMMENT ON COLUMN public.ingestion_jobs.tries IS 'Attempts that failed since the job was last queued by a person; limited by CABINET_WORKER_MAX_ATTEMPTS. A worker that waited for a lock, was stopped or lost its lease does not count.';

COMMENT ON COLUMN public.ingestion_jobs.due_at IS 'When the job may be claimed: at once when new, at the end of the lease while a worker holds it, after a delay when an attempt failed.';

COMMENT ON COLUMN public.ingestion_jobs.interruptions IS 'Claims whose end no worker has reported: the worker died, or lost the database, or still has the job. Limited by CABINET_WORKER_MAX_INTERRUPTIONS.';

CREATE TABLE public.message_jobs (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    lease uuid,
    worker text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    interruptions integer DEFAULT 0 NOT NULL,
    again_from bigint
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.message_jobs.tries IS 'As in ingestion_jobs.';

COMMENT ON COLUMN public.message_jobs.due_at IS 'When the job may be claimed: at once when new, at the end of the lease while a worker holds it, after a delay when an attempt failed.';

COMMENT ON COLUMN public.message_jobs.lease IS 'A random token of each claim, which a worker must show to change the job. A number would not do: a job ends with its work, and the next one of the conversation would count from the beginning.';

COMMENT ON COLUMN public.message_jobs.interruptions IS 'As in ingestion_jobs, since vectors were last stored.';

COMMENT ON COLUMN public.message_jobs.again_from IS 'The first position whose message lost its vectors because it was edited; null: none did.';

CREATE TABLE public.message_terms (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    "position" bigint NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    keys integer[] NOT NULL,
    weights public.sparsevec(1000000000) NOT NULL
)
WITH (toast_tuple_target='8160', autovacuum_vacuum_insert_threshold='1000', autovacuum_vacuum_insert_scale_factor='0.02');
ALTER TABLE ONLY public.message_terms ALTER COLUMN keys SET STORAGE EXTERNAL;

COMMENT ON COLUMN public.message_terms.keys IS 'As in chunk_terms, of the whole message.';

COMMENT ON COLUMN public.message_terms.weights IS 'As in chunk_terms.';

CREATE TABLE public.message_vectors (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    "position" bigint NOT NULL,
    piece integer NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    embedding public.halfvec(256) NOT NULL,
    signature bit(1536) NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='1000', autovacuum_vacuum_insert_scale_factor='0.02');
ALTER TABLE ONLY public.message_vectors ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE ONLY public.message_vectors ALTER COLUMN signature SET STORAGE PLAIN;

CREATE TABLE public.plans (
    name text NOT NULL,
    max_documents bigint,
    max_chunks bigint,
    max_bytes bigint,
    tokens_per_month bigint,
    requests_per_minute bigint,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    max_conversations bigint,
    max_messages bigint,
    max_keys bigint,
    CONSTRAINT plans_max_bytes_positive CHECK ((max_bytes >= 0)),
    CONSTRAINT plans_max_chunks_positive CHECK ((max_chunks >= 0)),
    CONSTRAINT plans_max_conversations_positive CHECK ((max_conversations >= 0)),
    CONSTRAINT plans_max_documents_positive CHECK ((max_documents >= 0)),
    CONSTRAINT plans_max_keys_positive CHECK ((max_keys >= 1)),
    CONSTRAINT plans_max_messages_positive CHECK ((max_messages >= 0)),
    CONSTRAINT plans_name_form CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT plans_requests_positive CHECK ((requests_per_minute >= 1)),
    CONSTRAINT plans_tokens_positive CHECK ((tokens_per_month >= 0))
);

COMMENT ON TABLE public.plans IS 'The limits of each plan; null: none. The statements that add to a user''s totals read them.';

CREATE TABLE public.schema_migrations (
    id text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    applied_by text DEFAULT CURRENT_USER NOT NULL
);

CREATE TABLE public.tenant_totals (
    user_id uuid NOT NULL,
    document_count bigint DEFAULT 0 NOT NULL,
    chunk_count bigint DEFAULT 0 NOT NULL,
    byte_count bigint DEFAULT 0 NOT NULL,
    token_count bigint DEFAULT 0 NOT NULL,
    token_month date,
    document_limit bigint,
    chunk_limit bigint,
    byte_limit bigint,
    token_limit bigint,
    has_index boolean DEFAULT false NOT NULL,
    conversation_count bigint DEFAULT 0 NOT NULL,
    message_count bigint DEFAULT 0 NOT NULL,
    key_count bigint DEFAULT 0 NOT NULL,
    conversation_limit bigint,
    message_limit bigint,
    key_limit bigint,
    CONSTRAINT tenant_totals_bytes_quota CHECK ((byte_count <= byte_limit)),
    CONSTRAINT tenant_totals_chunks_positive CHECK ((chunk_count >= 0)),
    CONSTRAINT tenant_totals_chunks_quota CHECK ((chunk_count <= chunk_limit)),
    CONSTRAINT tenant_totals_conversations_quota CHECK ((conversation_count <= conversation_limit)),
    CONSTRAINT tenant_totals_documents_quota CHECK ((document_count <= document_limit)),
    CONSTRAINT tenant_totals_keys_quota CHECK ((key_count <= key_limit)),
    CONSTRAINT tenant_totals_messages_quota CHECK ((message_count <= message_limit)),
    CONSTRAINT tenant_totals_tokens_quota CHECK ((token_count <= token_limit))
)
WITH (fillfactor='50');

COMMENT ON COLUMN public.tenant_totals.chunk_count IS 'Chunks, each of which has a vector. A search picks its lane by it.';

COMMENT ON COLUMN public.tenant_totals.byte_count IS 'Bytes of the documents as they were uploaded.';

COMMENT ON COLUMN public.tenant_totals.token_count IS 'Tokens embedded in token_month, a month in UTC.';

COMMENT ON COLUMN public.tenant_totals.document_limit IS 'The limit of the plan when a document was last added. The statement that adds writes it again, and the CHECK constraint of the column aborts it where the count would exceed the limit; null: it was not checked. The other limits work alike.';

COMMENT ON COLUMN public.tenant_totals.has_index IS 'Whether the tenant''s searches may use an index of their own.';

COMMENT ON COLUMN public.tenant_totals.message_count IS 'Messages of all conversations.';

COMMENT ON COLUMN public.tenant_totals.key_count IS 'API keys that are not revoked, including expired ones.';

CREATE TABLE public.term_jobs (
    user_id uuid NOT NULL,
    chunk_id uuid,
    conversation_id uuid,
    "position" bigint,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.term_jobs.chunk_id IS 'The last chunk that is done, in the order of their ids; null: none. conversation_id and position are the last message that is done, and not null when all chunks are.';

COMMENT ON COLUMN public.term_jobs.due_at IS 'When a worker may continue: at once when new, at the end of its lease while a worker does.';

CREATE TABLE public.term_samples (
    user_id uuid NOT NULL,
    kind text NOT NULL,
    text_count bigint NOT NULL,
    sampled integer NOT NULL,
    other_share real NOT NULL,
    sampled_at timestamp with time zone DEFAULT now() NOT NULL,
    terms integer[] DEFAULT '{}'::integer[] NOT NULL,
    shares real[] DEFAULT '{}'::real[] NOT NULL,
    CONSTRAINT term_samples_kind_known CHECK ((kind = ANY (ARRAY['chunk'::text, 'message'::text])))
);
ALTER TABLE ONLY public.term_samples ALTER COLUMN terms SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.term_samples ALTER COLUMN shares SET STORAGE EXTERNAL;

COMMENT ON COLUMN public.term_samples.text_count IS 'How many texts of the kind the tenant had when the sample was taken.';

COMMENT ON COLUMN public.term_samples.other_share IS 'The share of the texts that is assumed to contain any other term.';

COMMENT ON COLUMN public.term_samples.terms IS 'The terms that occur in at least two of the sampled texts, ascending; the most frequent ones if they are very many.';

COMMENT ON COLUMN public.term_samples.shares IS 'For each of these terms the share of the sampled texts that contain it, above 0 and at most 1.';

CREATE TABLE public.term_stats (
    user_id uuid NOT NULL,
    kind text NOT NULL,
    term integer NOT NULL,
    share real NOT NULL
);

COMMENT ON COLUMN public.term_stats.share IS 'The share of the sampled texts that contain the term, above 0 and at most 1. Terms of few texts are left out.';

CREATE TABLE public.upload_bytes (
    user_id uuid NOT NULL,
    upload_id uuid NOT NULL,
    part_id uuid NOT NULL,
    first_byte bigint NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT upload_bytes_content_length CHECK (((octet_length(content) >= 1) AND (octet_length(content) <= 1048576))),
    CONSTRAINT upload_bytes_first_byte_positive CHECK ((first_byte >= 0))
);

COMMENT ON COLUMN public.upload_bytes.first_byte IS 'The place of its first byte in the part, from 0.';

CREATE TABLE public.upload_parts (
    user_id uuid NOT NULL,
    upload_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    part_bytes bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT upload_parts_bytes_positive CHECK ((part_bytes > 0))
);

CREATE TABLE public.uploads (
    user_id uuid NOT NULL,
    id uuid DEFAULT uuidv7() NOT NULL,
    filename text NOT NULL,
    purpose text NOT NULL,
    mime_type text NOT NULL,
    file_bytes bigint NOT NULL,
    file_expires_after_s bigint,
    status text DEFAULT 'pending'::text NOT NULL,
    file_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT uploads_file_bytes_positive CHECK ((file_bytes > 0)),
    CONSTRAINT uploads_filename_length CHECK (((char_length(filename) >= 1) AND (char_length(filename) <= 255))),
    CONSTRAINT uploads_mime_type_length CHECK (((char_length(mime_type) >= 1) AND (char_length(mime_type) <= 255))),
    CONSTRAINT uploads_purpose_length CHECK (((char_length(purpose) >= 1) AND (char_length(purpose) <= 64))),
    CONSTRAINT uploads_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'completed'::text, 'cancelled'::text])))
);

COMMENT ON COLUMN public.uploads.file_bytes IS 'How many bytes the parts must have together.';

COMMENT ON COLUMN public.uploads.file_expires_after_s IS 'Seconds from the completion until the document is deleted; null: as its purpose demands.';

COMMENT ON COLUMN public.uploads.file_id IS 'The document that it became; null: it is not completed.';

CREATE TABLE public.usage_days (
    user_id uuid NOT NULL,
    day date NOT NULL,
    slot integer NOT NULL,
    requests bigint DEFAULT 0 NOT NULL,
    searches bigint DEFAULT 0 NOT NULL,
    uploads bigint DEFAULT 0 NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    messages bigint DEFAULT 0 NOT NULL,
    tokens bigint DEFAULT 0 NOT NULL,
    CONSTRAINT usage_days_slot_known CHECK (((slot >= 0) AND (slot <= 15)))
)
WITH (fillfactor='50');

COMMENT ON COLUMN public.usage_days.day IS 'In UTC.';

COMMENT ON COLUMN public.usage_days.slot IS 'The number of the backend modulo 16, so that many writers of one user seldom wait for each other. A day is the sum of its slots.';

COMMENT ON COLUMN public.usage_days.bytes IS 'Uploaded.';

COMMENT ON COLUMN public.usage_days.tokens IS 'Embedded: of new texts of documents, of messages, of queries.';

CREATE TABLE public.usage_flushes (
    source uuid NOT NULL,
    sequence bigint NOT NULL,
    flushed_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.usage_flushes IS 'The last flush of each server: one row for each process that was started in the last day, or still runs.';

COMMENT ON COLUMN public.usage_flushes.source IS 'An id that the process makes at its start.';

CREATE TABLE public.users (
    id uuid DEFAULT uuidv7() NOT NULL,
    email text NOT NULL,
    name text,
    plan text NOT NULL,
    preferences jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    external_id text,
    CONSTRAINT users_email_length CHECK (((char_length(email) >= 3) AND (char_length(email) <= 320))),
    CONSTRAINT users_external_id_length CHECK (((char_length(external_id) >= 1) AND (char_length(external_id) <= 255))),
    CONSTRAINT users_name_length CHECK ((char_length(name) <= 255)),
    CONSTRAINT users_preferences_object CHECK ((jsonb_typeof(preferences) = 'object'::text))
);

COMMENT ON COLUMN public.users.external_id IS 'The id of the user in the application, or the subject of its tokens.';

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY public.chunk_terms
    ADD CONSTRAINT chunk_terms_pkey PRIMARY KEY (user_id, chunk_id);

ALTER TABLE ONLY public.chunk_vectors
    ADD CONSTRAINT chunk_vectors_pkey PRIMARY KEY (user_id, chunk_id);

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_document_index_key UNIQUE (user_id, document_id, chunk_index);

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY public.collection_files
    ADD CONSTRAINT collection_files_pkey PRIMARY KEY (user_id, collection_id, file_id);

ALTER TABLE ONLY public.collection_files
    ADD CONSTRAINT collection_files_seq_key UNIQUE (user_id, collection_id, seq);

ALTER TABLE ONLY public.collection_readers
    ADD CONSTRAINT collection_readers_pkey PRIMARY KEY (user_id, collection_id, id);

ALTER TABLE ONLY public.collection_readers
    ADD CONSTRAINT collection_readers_reader_key UNIQUE NULLS NOT DISTINCT (user_id, collection_id, reader_id);

ALTER TABLE ONLY public.collections
    ADD CONSTRAINT collections_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY public.conversation_documents
    ADD CONSTRAINT conversation_documents_pkey PRIMARY KEY (user_id, conversation_id, document_id);

ALTER TABLE public.conversations
    ADD CONSTRAINT conversations_collections_bounded CHECK (((cardinality(collection_ids) <= 100) AND (array_position(collection_ids, NULL::uuid) IS NULL))) NOT VALID;

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (user_id, id);

ALTER TABLE public.document_contents
    ADD CONSTRAINT document_contents_charset_length CHECK (((char_length(charset) >= 1) AND (char_length(charset) <= 40))) NOT VALID;

ALTER TABLE ONLY public.document_contents
    ADD CONSTRAINT document_contents_pkey PRIMARY KEY (user_id, document_id);

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY public.embedding_model
    ADD CONSTRAINT embedding_model_pkey PRIMARY KEY (is_current);

ALTER TABLE ONLY public.file_batches
    ADD CONSTRAINT file_batches_pkey PRIMARY KEY (user_id, collection_id, id);

ALTER TABLE ONLY public.file_parts
    ADD CONSTRAINT file_parts_pkey PRIMARY KEY (user_id, document_id, first_byte);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, route, key);

ALTER TABLE ONLY public.ingestion_jobs
    ADD CONSTRAINT ingestion_jobs_pkey PRIMARY KEY (user_id, document_id);

ALTER TABLE ONLY public.message_jobs
    ADD CONSTRAINT message_jobs_pkey PRIMARY KEY (user_id, conversation_id);

ALTER TABLE ONLY public.message_terms
    ADD CONSTRAINT message_terms_pkey PRIMARY KEY (user_id, conversation_id, "position");

ALTER TABLE ONLY public.message_vectors
    ADD CONSTRAINT message_vectors_pkey PRIMARY KEY (user_id, conversation_id, "position", piece) INCLUDE (role, created_at, signature);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (user_id, conversation_id, "position");

ALTER TABLE ONLY public.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tenant_totals
    ADD CONSTRAINT tenant_totals_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.term_jobs
    ADD CONSTRAINT term_jobs_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.term_samples
    ADD CONSTRAINT term_samples_pkey PRIMARY KEY (user_id, kind);

ALTER TABLE ONLY public.term_stats
    ADD CONSTRAINT term_stats_pkey PRIMARY KEY (user_id, kind, term);

ALTER TABLE ONLY public.upload_bytes
    ADD CONSTRAINT upload_bytes_pkey PRIMARY KEY (user_id, upload_id, part_id, first_byte);

ALTER TABLE ONLY public.upload_parts
    ADD CONSTRAINT upload_parts_pkey PRIMARY KEY (user_id, upload_id, id);

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY public.usage_days
    ADD CONSTRAINT usage_days_pkey PRIMARY KEY (user_id, day, slot);

ALTER TABLE ONLY public.usage_flushes
    ADD CONSTRAINT usage_flushes_pkey PRIMARY KEY (source);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX api_keys_key_hash_key ON public.api_keys USING btree (key_hash);

CREATE INDEX chunk_terms_document_idx ON public.chunk_terms USING btree (user_id, document_id);

CREATE INDEX chunk_terms_keys_idx ON public.chunk_terms USING gin (keys) WITH (fastupdate='on', gin_pending_list_limit='1024');

CREATE INDEX chunk_vectors_signature_idx ON public.chunk_vectors USING btree (user_id, document_id) INCLUDE (chunk_id, signature);

CREATE INDEX chunks_content_hash_idx ON public.chunks USING btree (user_id, content_hash);

CREATE INDEX collection_files_batch_idx ON public.collection_files USING btree (user_id, collection_id, batch_id, seq);

CREATE INDEX collection_files_document_idx ON public.collection_files USING btree (user_id, document_id);

CREATE INDEX collection_files_left_idx ON public.collection_files USING btree (COALESCE(left_at, '-infinity'::timestamp with time zone)) WHERE (document_id IS NULL);

CREATE INDEX collection_readers_reader_idx ON public.collection_readers USING btree (reader_id, collection_id);

CREATE INDEX collections_expires_idx ON public.collections USING btree (expires_at) WHERE ((expires_at IS NOT NULL) AND (expired_at IS NULL));

CREATE INDEX conversation_documents_document_idx ON public.conversation_documents USING btree (user_id, document_id);

CREATE INDEX conversations_expires_idx ON public.conversations USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX document_contents_left_over_idx ON public.document_contents USING btree (user_id, document_id) WHERE (removed_at < 'infinity'::timestamp with time zone);

CREATE INDEX document_contents_removed_idx ON public.document_contents USING btree (user_id, document_id) WHERE (removed_at IS NOT NULL);

CREATE INDEX documents_expires_idx ON public.documents USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE UNIQUE INDEX documents_readings_idx ON public.documents USING btree (user_id, file_id, chunk_sizes) NULLS NOT DISTINCT WHERE (file_id IS NOT NULL);

CREATE INDEX documents_user_created_idx ON public.documents USING btree (user_id, created_at) INCLUDE (id, file_type, chunk_count);

CREATE INDEX documents_user_filename_idx ON public.documents USING btree (user_id, filename, id);

CREATE INDEX documents_user_metadata_idx ON public.documents USING gin (public.tenant_metadata(user_id, metadata) jsonb_path_ops) WITH (fastupdate=off);

CREATE INDEX documents_user_status_idx ON public.documents USING btree (user_id, status, id);

CREATE INDEX idempotency_keys_created_idx ON public.idempotency_keys USING btree (created_at);

CREATE INDEX ingestion_jobs_due_idx ON public.ingestion_jobs USING btree (due_at);

CREATE INDEX ingestion_jobs_user_due_idx ON public.ingestion_jobs USING btree (user_id, due_at) WHERE (due_at > '-infinity'::timestamp with time zone);

COMMENT ON INDEX public.ingestion_jobs_user_due_idx IS 'Leaves no job out. Its condition keeps it to the claim, which repeats it: statements about one job use the primary key, also where the planner does not know yet that a user has thousands of jobs.';

CREATE INDEX message_jobs_due_idx ON public.message_jobs USING btree (due_at);

CREATE INDEX message_jobs_user_due_idx ON public.message_jobs USING btree (user_id, due_at) WHERE (due_at > '-infinity'::timestamp with time zone);

COMMENT ON INDEX public.message_jobs_user_due_idx IS 'Leaves no job out. Its condition keeps it to the claim, which repeats it: statements about one job use the primary key, also where the planner does not know yet that a user has thousands of jobs.';

CREATE INDEX message_terms_keys_idx ON public.message_terms USING gin (keys) WITH (fastupdate='on', gin_pending_list_limit='1024');

CREATE INDEX messages_id_idx ON public.messages USING btree (user_id, id);

CREATE INDEX messages_instructions_idx ON public.messages USING btree (user_id, conversation_id, "position") WHERE (role = ANY (ARRAY['system'::text, 'developer'::text]));

CREATE UNIQUE INDEX messages_item_id_idx ON public.messages USING btree (user_id, conversation_id, ((item ->> 'id'::text))) WHERE ((item ->> 'id'::text) IS NOT NULL);

CREATE INDEX term_jobs_due_idx ON public.term_jobs USING btree (due_at);

CREATE INDEX uploads_expires_idx ON public.uploads USING btree (expires_at);

CREATE INDEX usage_days_day_idx ON public.usage_days USING btree (day) WHERE (slot >= 0);

COMMENT ON INDEX public.usage_days_day_idx IS 'Contains every row. Its predicate keeps it to the list of all users, which repeats it: those on one user use the primary key.';

CREATE INDEX usage_flushes_flushed_at_idx ON public.usage_flushes USING btree (flushed_at);

CREATE UNIQUE INDEX users_email_key ON public.users USING btree (lower(email));

CREATE UNIQUE INDEX users_external_id_key ON public.users USING btree (external_id) WHERE (external_id IS NOT NULL);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chunk_terms
    ADD CONSTRAINT chunk_terms_document_fkey FOREIGN KEY (user_id, document_id) REFERENCES public.document_contents(user_id, document_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chunk_vectors
    ADD CONSTRAINT chunk_vectors_document_fkey FOREIGN KEY (user_id, document_id) REFERENCES public.document_contents(user_id, document_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_document_fkey FOREIGN KEY (user_id, document_id) REFERENCES public.document_contents(user_id, document_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.collection_files
    ADD CONSTRAINT collection_files_batch_fkey FOREIGN KEY (user_id, collection_id, batch_id) REFERENCES public.file_batches(user_id, collection_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.collection_files
    ADD CONSTRAINT collection_files_collection_fkey FOREIGN KEY (user_id, collection_id) REFERENCES public.collections(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.collection_files
    ADD CONSTRAINT collection_files_document_fkey FOREIGN KEY (user_id, document_id) REFERENCES public.documents(user_id, id) ON DELETE SET NULL (document_id);

ALTER TABLE ONLY public.collection_readers
    ADD CONSTRAINT collection_readers_collection_fkey FOREIGN KEY (user_id, collection_id) REFERENCES public.collections(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.collection_readers
    ADD CONSTRAINT collection_readers_reader_fkey FOREIGN KEY (reader_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.collections
    ADD CONSTRAINT collections_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation_documents
    ADD CONSTRAINT conversation_documents_conversation_fkey FOREIGN KEY (user_id, conversation_id) REFERENCES public.conversations(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation_documents
    ADD CONSTRAINT conversation_documents_document_fkey FOREIGN KEY (user_id, document_id) REFERENCES public.documents(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.document_contents
    ADD CONSTRAINT document_contents_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_file_fkey FOREIGN KEY (user_id, file_id) REFERENCES public.documents(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.file_batches
    ADD CONSTRAINT file_batches_collection_fkey FOREIGN KEY (user_id, collection_id) REFERENCES public.collections(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.file_parts
    ADD CONSTRAINT file_parts_contents_fkey FOREIGN KEY (user_id, document_id) REFERENCES public.document_contents(user_id, document_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_terms
    ADD CONSTRAINT message_terms_conversation_fkey FOREIGN KEY (user_id, conversation_id) REFERENCES public.conversations(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_vectors
    ADD CONSTRAINT message_vectors_conversation_fkey FOREIGN KEY (user_id, conversation_id) REFERENCES public.conversations(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_conversation_fkey FOREIGN KEY (user_id, conversation_id) REFERENCES public.conversations(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.tenant_totals
    ADD CONSTRAINT tenant_totals_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.term_samples
    ADD CONSTRAINT term_samples_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.term_stats
    ADD CONSTRAINT term_stats_sample_fkey FOREIGN KEY (user_id, kind) REFERENCES public.term_samples(user_id, kind) ON DELETE CASCADE;

ALTER TABLE ONLY public.upload_bytes
    ADD CONSTRAINT upload_bytes_part_fkey FOREIGN KEY (user_id, upload_id, part_id) REFERENCES public.upload_parts(user_id, upload_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.upload_parts
    ADD CONSTRAINT upload_parts_upload_fkey FOREIGN KEY (user_id, upload_id) REFERENCES public.uploads(user_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.usage_days
    ADD CONSTRAINT usage_days_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_plan_fkey FOREIGN KEY (plan) REFERENCES public.plans(name);
