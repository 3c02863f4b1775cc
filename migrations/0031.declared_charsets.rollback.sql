alter table document_contents
drop column charset;
