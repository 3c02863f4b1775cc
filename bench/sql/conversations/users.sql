-- A user.
insert into users (email) values ($1::text)
returning id;
