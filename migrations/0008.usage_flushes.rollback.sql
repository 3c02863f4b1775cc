drop table usage_flushes;
