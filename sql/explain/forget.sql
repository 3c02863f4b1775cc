-- explain/forget :explain
-- Deallocates the statement of explain/prepare, which outlives the transaction.
deallocate explained;
