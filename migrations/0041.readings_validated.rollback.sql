-- A constraint that is valid stays so until the migration before is rolled back.
select true as is_rolled_back;
