create schema seed;
