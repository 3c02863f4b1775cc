-- ddl/drop_own_index :ddl
-- Drops a tenant's own index: it is invalid, the tenant has shrunk, or is gone. `:index` is its name.
drop index concurrently if exists :index;
