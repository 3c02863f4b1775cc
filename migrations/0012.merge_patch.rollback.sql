drop function json_merge_patch(jsonb, jsonb);
