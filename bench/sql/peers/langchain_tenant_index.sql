create index chunks_tenant_idx on chunks (tenant);
