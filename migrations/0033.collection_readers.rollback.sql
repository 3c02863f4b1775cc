drop table collection_readers;
