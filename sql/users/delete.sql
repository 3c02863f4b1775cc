-- users/delete :one
-- Erases a user with all rows, after users/hold, and returns the number of rows of each table. Rows that
-- reference another row are deleted first, so that no cascade deletes them uncounted; the comparisons with
-- counts are always true and make each step wait for the previous one. Only the shares that the user received
-- from others are deleted by a cascade, since they are rows of those users. users = 0: the user did not
-- exist.
-- $1 user_id uuid  the tenant
-- returns: users int8, api_keys int8, usage_days int8, tenant_totals int8, documents int8,
--   document_contents int8, file_parts int8, chunks int8, chunk_vectors int8, chunk_terms int8,
--   ingestion_jobs int8, conversations int8, conversation_documents int8, messages int8,
--   message_vectors int8, message_terms int8, message_jobs int8, idempotency_keys int8, term_samples int8,
--   term_stats int8, term_jobs int8, collections int8, collection_files int8, file_batches int8,
--   collection_readers int8, uploads int8, upload_parts int8, upload_bytes int8
-- index: documents_pkey, ingestion_jobs_pkey, conversations_pkey, message_vectors_pkey, message_jobs_pkey,
--   users_pkey, chunk_vectors_pkey, chunks_content_hash_idx, document_contents_pkey,
--   conversation_documents_document_idx, usage_days_pkey, api_keys_pkey, idempotency_keys_pkey,
--   tenant_totals_pkey, documents_user_filename_idx, chunk_terms_document_idx, message_terms_pkey,
--   term_stats_pkey, term_samples_pkey, term_jobs_pkey, messages_id_idx, collection_files_document_idx,
--   file_batches_pkey, collections_pkey, collection_readers_reader_key, file_parts_pkey, upload_bytes_pkey,
--   upload_parts_pkey, uploads_pkey
-- length: all rows of a user are deleted together or not at all, and each table is counted
with erased_vectors as (
    delete from chunk_vectors as v
    where v.user_id = $1::uuid
    returning v.chunk_id
),

erased_terms as (
    delete from chunk_terms as t
    where t.user_id = $1::uuid
    returning t.chunk_id
),

erased_chunks as (
    delete from chunks as c
    where c.user_id = $1::uuid
    returning c.id
),

erased_parts as (
    delete from file_parts as p
    where p.user_id = $1::uuid
    returning p.first_byte
),

erased_contents as (
    delete from document_contents as b
    where b.user_id = $1::uuid and (select count(*) from erased_parts) >= 0
    returning b.document_id
),

erased_jobs as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid
    returning j.document_id
),

erased_message_vectors as (
    delete from message_vectors as v
    where v.user_id = $1::uuid
    returning v.position
),

erased_message_terms as (
    delete from message_terms as t
    where t.user_id = $1::uuid
    returning t.position
),

erased_messages as (
    delete from messages as m
    where m.user_id = $1::uuid
    returning m.position
),

erased_message_jobs as (
    delete from message_jobs as j
    where j.user_id = $1::uuid
    returning j.conversation_id
),

erased_scopes as (
    delete from conversation_documents as s
    where s.user_id = $1::uuid
    returning s.document_id
),

erased_files as (
    delete from collection_files as f
    where f.user_id = $1::uuid
    returning f.file_id
),

erased_batches as (
    delete from file_batches as b
    where b.user_id = $1::uuid and (select count(*) from erased_files) >= 0
    returning b.id
),

erased_readers as (
    delete from collection_readers as r
    where r.user_id = $1::uuid
    returning r.id
),

erased_upload_bytes as (
    delete from upload_bytes as b
    where b.user_id = $1::uuid
    returning b.first_byte
),

erased_upload_parts as (
    delete from upload_parts as p
    where p.user_id = $1::uuid and (select count(*) from erased_upload_bytes) >= 0
    returning p.id
),

erased_uploads as (
    delete from uploads as u
    where u.user_id = $1::uuid and (select count(*) from erased_upload_parts) >= 0
    returning u.id
),

erased_collections as (
    delete from collections as c
    where
        c.user_id = $1::uuid
        and (select count(*) from erased_batches) >= 0
        and (select count(*) from erased_readers) >= 0
    returning c.id
),

erased_documents as (
    delete from documents as d
    where
        d.user_id = $1::uuid
        and (select count(*) from erased_vectors) >= 0
        and (select count(*) from erased_terms) >= 0
        and (select count(*) from erased_chunks) >= 0
        and (select count(*) from erased_contents) >= 0
        and (select count(*) from erased_scopes) >= 0
        and (select count(*) from erased_files) >= 0
    returning d.id
),

erased_conversations as (
    delete from conversations as c
    where
        c.user_id = $1::uuid
        and (select count(*) from erased_message_vectors) >= 0
        and (select count(*) from erased_message_terms) >= 0
        and (select count(*) from erased_messages) >= 0
        and (select count(*) from erased_scopes) >= 0
    returning c.id
),

erased_days as (
    delete from usage_days as u
    where u.user_id = $1::uuid
    returning u.day
),

erased_keys as (
    delete from api_keys as k
    where k.user_id = $1::uuid
    returning k.id
),

erased_idempotency_keys as (
    delete from idempotency_keys as k
    where k.user_id = $1::uuid
    returning k.key
),

erased_stats as (
    delete from term_stats as s
    where s.user_id = $1::uuid
    returning s.term
),

erased_samples as (
    delete from term_samples as s
    where s.user_id = $1::uuid and (select count(*) from erased_stats) >= 0
    returning s.kind
),

erased_term_jobs as (
    delete from term_jobs as j
    where j.user_id = $1::uuid
    returning j.due_at
),

erased_totals as (
    delete from tenant_totals as t
    where t.user_id = $1::uuid
    returning t.chunk_count
),

erased as (
    delete from users as u
    where
        u.id = $1::uuid
        and (select count(*) from erased_documents) >= 0
        and (select count(*) from erased_conversations) >= 0
        and (select count(*) from erased_collections) >= 0
        and (select count(*) from erased_uploads) >= 0
        and (select count(*) from erased_days) >= 0
        and (select count(*) from erased_keys) >= 0
        and (select count(*) from erased_idempotency_keys) >= 0
        and (select count(*) from erased_samples) >= 0
        and (select count(*) from erased_totals) >= 0
    returning u.id
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select
    (select count(*) from erased) as users,
    (select count(*) from erased_keys) as api_keys,
    (select count(*) from erased_days) as usage_days,
    (select count(*) from erased_totals) as tenant_totals,
    (select count(*) from erased_documents) as documents,
    (select count(*) from erased_contents) as document_contents,
    (select count(*) from erased_parts) as file_parts,
    (select count(*) from erased_chunks) as chunks,
    (select count(*) from erased_vectors) as chunk_vectors,
    (select count(*) from erased_terms) as chunk_terms,
    (select count(*) from erased_jobs) as ingestion_jobs,
    (select count(*) from erased_conversations) as conversations,
    (select count(*) from erased_scopes) as conversation_documents,
    (select count(*) from erased_messages) as messages,
    (select count(*) from erased_message_vectors) as message_vectors,
    (select count(*) from erased_message_terms) as message_terms,
    (select count(*) from erased_message_jobs) as message_jobs,
    (select count(*) from erased_idempotency_keys) as idempotency_keys,
    (select count(*) from erased_samples) as term_samples,
    (select count(*) from erased_stats) as term_stats,
    (select count(*) from erased_term_jobs) as term_jobs,
    (select count(*) from erased_collections) as collections,
    (select count(*) from erased_files) as collection_files,
    (select count(*) from erased_batches) as file_batches,
    (select count(*) from erased_readers) as collection_readers,
    (select count(*) from erased_uploads) as uploads,
    (select count(*) from erased_upload_parts) as upload_parts,
    (select count(*) from erased_upload_bytes) as upload_bytes
where (select count(*) from planned_once) >= 0;
