-- explain/forget :explain
-- Makes room for the next statement of explain/prepare, which outlasts the transaction.
deallocate explained;
