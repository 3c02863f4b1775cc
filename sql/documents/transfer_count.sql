-- documents/transfer_count :exec
-- Last statement of a transfer: subtracts the documents from the giver's totals and adds them to the
-- receiver's, locking the rows in the order of the users' ids. A CHECK constraint of tenant_totals aborts the
-- transaction if the receiver would exceed a limit of the plan. It runs last, because all documents of a
-- tenant share the row.
-- $1 user_id        uuid       the tenant
-- $2 to_user        uuid       the receiver; only their totals are read
-- $3 document_count int8       of the transfer
-- $4 chunk_count    int8
-- $5 byte_count     int8
-- $6 document_limit int8 null  of the receiver's plan; null: none
-- $7 chunk_limit    int8 null
-- $8 byte_limit     int8 null
-- index: tenant_totals_pkey
insert into tenant_totals as n (
    user_id, chunk_count, document_count, byte_count, document_limit, chunk_limit, byte_limit
)
select
    p.user_id,
    $4::int8 as chunk_count,
    $3::int8 as document_count,
    $5::int8 as byte_count,
    p.document_limit,
    p.chunk_limit,
    p.byte_limit
from
    (values ($1::uuid, null, null, null), ($2::uuid, $6::int8, $7::int8, $8::int8))
        as p (user_id, document_limit, chunk_limit, byte_limit)
order by p.user_id
on conflict (user_id) do update
    set
        chunk_count = n.chunk_count
        + case when n.user_id is distinct from $2::uuid then -1 else 1 end * excluded.chunk_count,
        document_count = greatest(
            0,
            n.document_count
            + case when n.user_id is distinct from $2::uuid then -1 else 1 end * excluded.document_count
        ),
        byte_count = greatest(
            0,
            n.byte_count
            + case when n.user_id is distinct from $2::uuid then -1 else 1 end * excluded.byte_count
        ),
        document_limit = excluded.document_limit,
        chunk_limit = excluded.chunk_limit,
        byte_limit = excluded.byte_limit;
