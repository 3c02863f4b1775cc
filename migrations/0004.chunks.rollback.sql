drop table vector_counts;
drop table chunks;
