create database langchain;
