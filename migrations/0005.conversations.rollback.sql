drop table message_jobs;
drop table messages;
drop table conversation_documents;
drop table conversations;
