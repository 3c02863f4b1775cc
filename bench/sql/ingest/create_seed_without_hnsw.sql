create database seed_without_hnsw template seed_stack;
