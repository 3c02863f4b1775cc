-- Why: vectors, and ids that sort by time. PostgreSQL 18 has uuidv7() itself; for 16 and 17 the same function
--   is made here: 48 bits of milliseconds, 12 bits of the fraction of the millisecond, 62 random bits (RFC
--   9562, section 6.2, method 3), so that ids made one after the other sort in that order.
-- Lock: none on any table.
-- On 10M rows: milliseconds; it reads no row.
-- Serves: all
-- Rollback loses: uuidv7() where it was made here. The extension stays.
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
