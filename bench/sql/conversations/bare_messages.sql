-- The ORM's messages with the key that its model has, and no index on the conversation.
create table seed_bare.messages as table seed.messages;
