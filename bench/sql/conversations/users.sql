-- A user.
insert into users (email, plan) values ($1::text, 'free')
returning id;
