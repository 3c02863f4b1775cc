alter table api_keys
drop column scopes;
