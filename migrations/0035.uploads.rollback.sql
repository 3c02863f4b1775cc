drop table upload_bytes;
drop table upload_parts;
drop table uploads;
