"""Valid and invalid items from clients."""

from __future__ import annotations

from typing import Any

CALL = {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a": 1}'}
IMAGE = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "high"}
CITED = {
    "type": "output_text", "text": "See [1].", "logprobs": [],
    "annotations": [{"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 3}],
}  # fmt: skip
SHOT = {"type": "computer_screenshot", "image_url": "https://example.com/a.png"}

# A sent item, and the additional fields of its answer.
ITEMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": (
        {"role": "user", "content": "Grüße"},
        {"type": "message", "content": [{"type": "input_text", "text": "Grüße"}], "status": "completed"},
    ),
    "empty text": (
        {"role": "user", "content": ""},
        {"type": "message", "content": [{"type": "input_text", "text": ""}], "status": "completed"},
    ),
    "answer": (
        {"role": "assistant", "content": "東京"},
        {
            "type": "message", "status": "completed",
            "content": [{"type": "output_text", "text": "東京", "annotations": [], "logprobs": []}],
        },
    ),
    "system": ({"role": "system", "content": [{"type": "input_text", "text": "Be brief."}]}, {"type": "message"}),
    "developer": ({"role": "developer", "content": [{"type": "input_text", "text": "Kind."}]}, {"status": "completed"}),
    "parts": ({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, IMAGE]}, {}),
    "two texts": (
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]}, {},
    ),
    "file": ({"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}, {}),
    "citations": ({"type": "message", "role": "assistant", "status": "completed", "content": [CITED]}, {}),
    "refusal": ({"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, {}),
    "unfinished": ({"role": "assistant", "content": [CITED], "status": "incomplete", "phase": "commentary"}, {}),
    "call": (CALL, {"status": "completed"}),
    "call in a namespace": ({**CALL, "status": "incomplete", "namespace": "maths", "id": "fc_own"}, {}),
    "output": ({"type": "function_call_output", "call_id": "call_1", "output": "3"}, {"status": "completed"}),
    "output of parts": (
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "3"}, IMAGE]},
        {},
    ),
    "reasoning": (
        {
            "type": "reasoning", "id": "rs_own", "summary": [{"type": "summary_text", "text": "It adds."}],
            "content": [{"type": "reasoning_text", "text": "1 + 2"}], "encrypted_content": "gAAA=",
            "status": "completed",
        }, {},
    ),
    "reasoning without id": ({"type": "reasoning", "summary": []}, {}),
    "file search": (
        {"type": "file_search_call", "id": "fs_own", "queries": ["a"], "status": "completed", "results": None}, {},
    ),
    "web search": (
        {"type": "web_search_call", "id": "ws_own", "status": "completed", "action": {"type": "search", "query": "a"}},
        {},
    ),
    "computer": (
        {
            "type": "computer_call", "id": "cu_own", "call_id": "c", "status": "completed", "pending_safety_checks": [],
            "action": {"type": "wait"},
        }, {},
    ),
    "screenshot": ({"type": "computer_call_output", "call_id": "c", "output": SHOT}, {"status": "completed"}),
    "image": ({"type": "image_generation_call", "id": "ig_own", "result": "AAAA", "status": "completed"}, {}),
    "interpreter": (
        {
            "type": "code_interpreter_call", "id": "ci_own", "code": "1", "container_id": "c", "status": "completed",
            "outputs": [{"type": "logs", "logs": "1"}],
        }, {},
    ),
    "local shell": (
        {
            "type": "local_shell_call", "id": "lsh_own", "call_id": "c", "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        }, {},
    ),
    "local shell output": ({"type": "local_shell_call_output", "id": "lsho_own", "output": "{}"}, {}),
    "shell": ({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}, {"status": "completed"}),
    "shell output": ({"type": "shell_call_output", "call_id": "c", "output": []}, {"status": "completed"}),
    "patch": (
        {
            "type": "apply_patch_call", "call_id": "c", "status": "completed",
            "operation": {"type": "delete_file", "path": "a"},
        }, {},
    ),
    "patch output": ({"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "no"}, {}),
    "mcp tools": ({"type": "mcp_list_tools", "id": "mcpl_own", "server_label": "s", "tools": []}, {}),
    "mcp approval": (
        {"type": "mcp_approval_request", "id": "mcpr_own", "arguments": "{}", "name": "n", "server_label": "s"}, {},
    ),
    "mcp approved": ({"type": "mcp_approval_response", "approval_request_id": "mcpr_own", "approve": True}, {}),
    "mcp call": (
        {"type": "mcp_call", "id": "mcp_own", "arguments": "{}", "name": "n", "server_label": "s", "output": None}, {},
    ),
    "custom tool": ({"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "i"}, {}),
    "custom tool output": ({"type": "custom_tool_call_output", "call_id": "c", "output": "o"}, {}),
    "compaction": ({"type": "compaction", "encrypted_content": "gAAA="}, {}),
    "program": ({"type": "program", "id": "prog_own", "call_id": "c", "code": "1", "fingerprint": "f"}, {}),
    "tools": ({"type": "additional_tools", "role": "developer", "tools": []}, {}),
}  # fmt: skip

WRONG: dict[str, tuple[Any, str]] = {
    "no type": ({}, "items[0].type"),
    "unknown type": ({"type": "telepathy"}, "items[0].type"),
    "type null": ({"type": None, "role": "user", "content": "a"}, "items[0].type"),
    "reference": ({"type": "item_reference", "id": "msg_1"}, "items[0].type"),
    "short reference": ({"id": "msg_1"}, "items[0].type"),
    "trigger": ({"type": "compaction_trigger"}, "items[0].type"),
    "no role": ({"type": "message", "content": "a"}, "items[0].role"),
    "unknown role": ({"role": "pope", "content": "a"}, "items[0].role"),
    "tool's role": ({"role": "tool", "content": "a"}, "items[0].role"),
    "no content": ({"role": "user"}, "items[0].content"),
    "content null": ({"role": "user", "content": None}, "items[0].content"),
    "content a number": ({"role": "user", "content": 1}, "items[0].content"),
    "unknown part": ({"role": "user", "content": [{"type": "smell"}]}, "items[0].content[0].type"),
    "part a string": ({"role": "user", "content": ["a"]}, "items[0].content[0].type"),
    "part without text": ({"role": "user", "content": [{"type": "input_text"}]}, "items[0].content[0].text"),
    "unknown field": ({"role": "user", "content": "a", "colour": "red"}, "items[0].colour"),
    "unknown status": ({"role": "user", "content": "a", "status": "lost"}, "items[0].status"),
    "status of another kind": ({**CALL, "status": "searching"}, "items[0].status"),
    "status a number": ({"type": "shell_call", "call_id": "c", "action": {}, "status": 1}, "items[0].status"),
    "status of a search null": (
        {"type": "file_search_call", "id": "fs_1", "queries": [], "status": None},
        "items[0].status",
    ),
    "unknown phase": ({"role": "assistant", "content": "a", "phase": "late"}, "items[0].phase"),
    "unknown execution": ({"type": "tool_search_call", "arguments": {}, "execution": "us"}, "items[0].execution"),
    "unknown detail": ({"role": "user", "content": [{**IMAGE, "detail": "most"}]}, "items[0].content[0].detail"),
    "unknown part of an output": (
        {"type": "custom_tool_call_output", "call_id": "c", "output": [{"type": "smell"}]},
        "items[0].output[0].type",
    ),
    "call without id": ({"type": "function_call", "name": "n", "arguments": "{}"}, "items[0].call_id"),
    "call without name": ({"type": "function_call", "call_id": "c", "arguments": "{}"}, "items[0].name"),
    "arguments an object": (
        {"type": "function_call", "call_id": "c", "name": "n", "arguments": {}},
        "items[0].arguments",
    ),
    "call's id empty": ({**CALL, "call_id": ""}, "items[0].call_id"),
    "no output": ({"type": "function_call_output", "call_id": "c"}, "items[0].output"),
    "no summary": ({"type": "reasoning"}, "items[0].summary"),
    "id a number": ({"role": "user", "content": "a", "id": 1}, "items[0].id"),
    "NUL": ({"role": "user", "content": "a\0"}, "items[0].content"),
    "not an object": ("a", "items[0]"),
}
