-- chunks/around :many
-- The chunks of ranges of documents of one user, for the passages around the results of a search. Returns
-- whole ranges only: the first ranges whose texts together have at most 4 MiB.
-- $1 user_id      uuid    the tenant
-- $2 document_ids uuid[]  the document of each range
-- $3 firsts       int[]   the first chunk_index of each range
-- $4 lasts        int[]   the last one
-- $5 max_rows     int     as many as the ranges contain; 1..2100
-- returns: number int8, chunk_id uuid, chunk_index int, content text, token_count int, metadata jsonb
-- index: documents_pkey, chunks_document_index_key
with ranged as materialized (
    select
        s.number,
        n.id,
        n.chunk_index,
        n.content,
        n.token_count,
        n.metadata,
        sum(octet_length(n.content)) over (order by s.number) as bytes
    from
        unnest($2::uuid[], $3::int[], $4::int[]) with ordinality as s (
            document_id, first_index, last_index, number
        )
    cross join
        lateral (  -- noqa: ST05
            select
                c.id,
                c.chunk_index,
                c.content,
                c.token_count,
                c.metadata
            from documents as d
            inner join chunks as c on c.user_id = $1::uuid and d.id = c.document_id
            where
                d.user_id = $1::uuid
                and d.id = s.document_id
                and c.chunk_index between s.first_index and s.last_index
            order by c.chunk_index
            limit $5::int
        ) as n
)

select
    r.number,
    r.id as chunk_id,
    r.chunk_index,
    r.content,
    r.token_count,
    r.metadata
from ranged as r
where r.bytes <= 4194304
order by r.number, r.chunk_index
limit $5::int;
