select
    (select sum(octet_length(c.content)) from chunks as c) as text_bytes,
    pg_total_relation_size('chunk_terms') as term_bytes;
