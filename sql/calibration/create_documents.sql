-- calibration/create_documents :many
-- Documents of a synthetic tenant, ready and without bytes, one per minute from 2025 on, with metadata by
-- which a search can select any share of them: `number` modulo 2, 10, 100 and 1000.
-- $1 user_id        uuid  the tenant
-- $2 document_count int
-- $3 chunk_count    int   of each document
-- returns: id uuid
-- bound: by document_count
with created as (
    insert into documents as d (
        user_id,
        filename,
        file_type,
        file_size,
        content_hash,
        status,
        progress,
        chunk_count,
        metadata,
        created_at
    )
    select
        $1::uuid as user_id,
        'made-up-' || n.number || '.txt' as filename,
        (array['text', 'markdown', 'html', 'pdf', 'csv', 'docx'])[1 + n.number % 6] as file_type,
        0 as file_size,
        md5('made-up-' || n.number)::uuid as content_hash,
        'ready' as status,
        1 as progress,
        $3::int as chunk_count,
        jsonb_build_object(
            'number', n.number,
            'of_2', n.number % 2,
            'of_10', n.number % 10,
            'of_100', n.number % 100,
            'of_1000', n.number % 1000
        ) as metadata,
        timestamptz '2025-01-01 00:00:00+00' + n.number * interval '1 minute' as created_at
    from generate_series(0, $2::int - 1) as n (number)
    returning d.id
),

stored as (
    insert into document_contents as b (user_id, document_id, content)
    select
        $1::uuid as user_id,
        c.id as document_id,
        '' as content
    from created as c
    returning b.document_id
)

select s.document_id as id
from stored as s;
