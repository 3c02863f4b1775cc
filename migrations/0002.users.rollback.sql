drop table api_keys;
drop table users;
