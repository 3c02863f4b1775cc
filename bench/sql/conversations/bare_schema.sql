-- The ORM's tables as its models leave them, without the index that is added in their favour.
create schema seed_bare;
