-- The extension stays: it may have been here before, and others in this database may use it.
drop function tenant_metadata(uuid, jsonb);
drop function json_merge_patch(jsonb, jsonb);

do $body$
begin
    execute format('drop function if exists %I.uuidv7()', current_schema());
end
$body$;
