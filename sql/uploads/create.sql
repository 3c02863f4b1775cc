-- uploads/create :value
-- Creates an upload, to which parts are added.
-- $1 user_id              uuid       the tenant
-- $2 filename             text
-- $3 purpose              text
-- $4 mime_type            text       as sent by the client; the content determines the type
-- $5 file_bytes           int8       of all parts together
-- $6 file_expires_after_s int8 null  seconds from the completion; null: determined by the purpose
-- $7 expires_after_s      float8     seconds from now until the upload expires
-- returns: id uuid
insert into uploads as u (
    user_id, filename, purpose, mime_type, file_bytes, file_expires_after_s, expires_at
)
values (
    $1::uuid,
    $2::text,
    $3::text,
    $4::text,
    $5::int8,
    $6::int8,
    now() + make_interval(secs => $7::float8)
)
returning u.id;
