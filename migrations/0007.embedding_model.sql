-- Why: vectors of two models cannot be compared, so the current one is recorded with the data. The tables of
--   the vectors are made from sql/ddl/ when the first model is recorded.
-- Lock: none on any existing table.
-- On 10M rows: milliseconds; its table is new.
-- Serves: server/current_model, server/record_model
-- Rollback loses: the name of the model, and every vector: all must be embedded again.
-- depends: 0006.usage
create table embedding_model (
    is_current boolean primary key default true constraint embedding_model_single check (is_current),
    model text not null,
    dimensions integer not null constraint embedding_model_dimensions check (dimensions between 1 and 3584),
    created_at timestamptz not null default now()
);
