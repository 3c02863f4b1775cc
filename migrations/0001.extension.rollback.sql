-- The extension stays: it may have been here before, and others in this database may use it.
do $body$
begin
    execute format('drop function if exists %I.uuidv7()', current_schema());
end
$body$;
