create database seed_stack;
