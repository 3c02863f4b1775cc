-- doctor/fix_setting :value
-- The statement by which an administrator changes a setting of the server, for `cabinet doctor` to print.
-- $1 name    text  of the setting
-- $2 value   text  with its unit
-- $3 restart bool  whether the server must be restarted for it
-- returns: fix text
select
    format(
        case
            when $3::bool then 'alter system set %I = %L; -- then restart the server'
            else 'alter system set %I = %L; select pg_reload_conf();'
        end,
        $1::text, $2::text
    ) as fix;
