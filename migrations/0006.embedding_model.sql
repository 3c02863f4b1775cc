-- Why: vectors of two models cannot be compared, so the one in force is recorded with the data. The table of
-- the vectors is made from sql/ddl/ when the first model is recorded; rolling back takes it away, vectors
-- included.
-- depends: 0005.conversations
-- Lock: none on any existing table.
create table embedding_model (
    is_current boolean primary key default true constraint embedding_model_single check (is_current),
    model text not null,
    dimensions integer not null constraint embedding_model_dimensions check (dimensions between 1 and 3584),
    created_at timestamptz not null default now()
);
