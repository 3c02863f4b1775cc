-- Why: preferences are changed by a JSON merge patch (RFC 7396), in the statement that stores them, so that
--   of two changes at once neither is lost.
-- Lock: none on any table.
-- On 10M rows: milliseconds; it makes a function.
-- Serves: users/merge_preferences
-- Rollback loses: nothing.
-- depends: 0011.usage
create function json_merge_patch(target jsonb, patch jsonb) returns jsonb
language plpgsql immutable parallel safe
as $function$
begin
    if jsonb_typeof(patch) is distinct from 'object' then
        return patch;
    end if;
    if jsonb_typeof(target) is distinct from 'object' then
        target := '{}';
    end if;
    return (
        select coalesce(jsonb_object_agg(m.key, m.value), '{}')
        from (
            select t.key, t.value from jsonb_each(target) as t where not patch ? t.key
            union all
            select p.key, json_merge_patch(target -> p.key, p.value)
            from jsonb_each(patch) as p
            where jsonb_typeof(p.value) <> 'null'
        ) as m (key, value)
    );
end
$function$;

comment on function json_merge_patch(jsonb, jsonb) is 'RFC 7396: what the target is after the patch.';
