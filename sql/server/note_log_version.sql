-- server/note_log_version :exec
-- Notes that the log of the migrations looks as yoyo's version 2 has it.
insert into _yoyo_version (version, installed_at_utc) values (2, now() at time zone 'utc')
on conflict (version) do nothing;
