-- Why: the condition of a share that lets a user read, that of a collection that has not expired, and that of
--   the files of the collections to which a request is limited, stood in each statement that needs them. As
--   functions they are defined once.
-- Lock: none on tables.
-- On 10M rows: milliseconds.
-- Serves: collection_readers/find_chunk, collection_readers/find_chunks, collection_readers/find_cited,
--   collection_readers/find_collections, collection_readers/find_document,
--   collection_readers/list_collections, collection_files/add, collection_files/find_chunk,
--   collection_files/find_document, collections/touch, file_batches/create, documents/count_matching,
--   documents/hold_matching, documents/list_matching, documents/retry_many, search/bits, search/exact,
--   search/hybrid_bits, search/hybrid_exact, search/index_filtered, search/keyword
-- Rollback loses: nothing.
-- depends: 0042.readings_by_file
create function is_shared_with(reader uuid, share collection_readers) returns boolean
language sql immutable parallel safe
return share.reader_id = reader or share.reader_id is null;

comment on function is_shared_with(uuid, collection_readers) is
'Whether a share is given to a user, or to everyone. It is valid as long as its collection has_not_expired. '
'The planner inlines the function, so its conditions can use indexes.';

create function has_not_expired(collection collections) returns boolean
language sql stable parallel safe
return collection.expires_at is null or collection.expires_at > now();

comment on function has_not_expired(collections) is
'Whether a collection can be used and searched: it does not expire, or not yet. The planner inlines it.';

create function collection_file_matches(
    collections uuid[], documents uuid[], attributes text, file collection_files
) returns boolean
language sql stable parallel safe
return
file.collection_id = any(collections)
and file.document_id is not null
and not file.is_cancelled
and (documents is null or file.file_id = any(documents))
and (attributes is null or jsonb_path_match(file.attributes, attributes::jsonpath, '{}', true));

comment on function collection_file_matches(uuid[], uuid[], text, collection_files) is
'Whether a file is in one of some collections, is not cancelled and has not left it, and passes the limits '
'to documents and to attributes, a jsonpath predicate; each of these is null where there is none. The '
'planner inlines the function, so its conditions can use indexes.';
