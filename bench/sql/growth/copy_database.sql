create database at_first_size template cabinet;
