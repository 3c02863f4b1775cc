-- policies/insert :template
-- Replaces every :copy statement under row level security, where PostgreSQL refuses COPY. `:table` and
-- `:columns` are those of the :copy file; `:parameters` are one for each column.
insert into :table (:columns) values (:parameters);
