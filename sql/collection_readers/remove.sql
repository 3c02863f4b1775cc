-- collection_readers/remove :exec
-- Stops sharing a collection with a user, or with everyone.
-- $1 user_id       uuid       the tenant
-- $2 collection_id uuid
-- $3 reader_id     uuid null  null: everyone
-- index: collection_readers_reader_idx, collection_readers_reader_key
delete from collection_readers as r
where
    r.user_id = $1::uuid
    and r.collection_id = $2::uuid
    and (r.reader_id = $3::uuid or ($3::uuid is null and r.reader_id is null));
