-- Why: vectors of two models cannot be compared, so the one in force is recorded with the data. The table of
--   the vectors is made from sql/ddl/ when the first model is recorded.
-- Lock: none on any existing table.
-- On 10M rows: milliseconds; its table is new.
-- Serves: server/current_model, server/record_model
-- Rollback loses: which model is in force, and every vector of a chunk: they must be embedded again.
-- depends: 0005.conversations
create table embedding_model (
    is_current boolean primary key default true constraint embedding_model_single check (is_current),
    model text not null,
    dimensions integer not null constraint embedding_model_dimensions check (dimensions between 1 and 3584),
    created_at timestamptz not null default now()
);
