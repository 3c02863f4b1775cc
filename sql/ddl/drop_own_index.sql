-- ddl/drop_own_index :ddl
-- Drops a tenant's own index because it is invalid, the tenant has shrunk, or the tenant no longer exists.
-- `:index` is its name.
drop index concurrently if exists :index;
