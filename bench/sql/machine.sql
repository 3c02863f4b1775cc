select
    current_setting('server_version') as version,
    (select e.extversion from pg_extension as e where e.extname = 'vector') as pgvector,
    current_setting('shared_buffers') as shared_buffers,
    current_setting('huge_pages_status', true) as huge_pages;
