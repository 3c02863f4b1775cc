-- policies/insert :template
-- Takes the place of every :copy statement under row level security, where PostgreSQL refuses COPY. `:table`
-- and `:columns` are those of the :copy file, and `:parameters` are as many.
insert into :table (:columns) values (:parameters);
