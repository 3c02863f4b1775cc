-- Why: the vectors, ids that sort by time, and functions that statements and an index share. PostgreSQL
--   18 has uuidv7() itself; for 16 and 17 the same function is made here: 48 bits of milliseconds, 12 bits of
--   the fraction of the millisecond, 62 random bits (RFC 9562, section 6.2, method 3), so that ids made one
--   after the other sort in that order.
-- Lock: none on any table.
-- On 10M rows: milliseconds; it reads no row.
-- Serves: all
-- Rollback loses: the functions. The extension stays.
create extension if not exists vector;

do $body$
begin
    if to_regprocedure('pg_catalog.uuidv7()') is null then
        create function uuidv7() returns uuid
        language sql volatile parallel safe
        as $function$
            select encode(
                set_bit(
                    set_bit(
                        overlay(
                            uuid_send(gen_random_uuid())
                            placing substring(int8send(floor(t.ms)::bigint) from 3)
                                || substring(
                                    int8send(28672 + floor((t.ms - floor(t.ms)) * 4096)::bigint) from 7
                                )
                            from 1 for 8
                        ),
                        70, 0
                    ),
                    71, 1
                ),
                'hex'
            )::uuid
            from (select extract(epoch from clock_timestamp()) * 1000 as ms) as t
        $function$;
    end if;
end
$body$;

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

comment on function json_merge_patch(jsonb, jsonb) is
'The target after the patch, as RFC 7396 defines it.';

create function tenant_metadata(user_id uuid, metadata jsonb) returns jsonb
language sql immutable parallel safe
return jsonb_set('{}', array[user_id::text], metadata);

comment on function tenant_metadata(uuid, jsonb) is
'The metadata under the tenant''s id, as {"<user_id>": metadata}. GIN takes no uuid beside the jsonb: an '
'index on this keeps the tenants apart, so that a scan meets no other tenant''s rows. The planner inlines '
'it.';
