create table plain_texts (
    user_id uuid not null,
    id uuid not null,
    words tsvector not null
);
