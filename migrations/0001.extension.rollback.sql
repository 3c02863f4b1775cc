do $body$
begin
    if to_regprocedure('public.uuidv7()') is not null then
        drop function public.uuidv7();
    end if;
end
$body$;

drop extension if exists vector;
