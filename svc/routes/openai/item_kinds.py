"""The kinds of items of a conversation that the OpenAI API defines, with the fields that each must have.

The fields are those of the SDK's `ResponseInputItemParam`. Items of a kind that a message can represent, which are
messages, calls of functions and their outputs, are converted; all others are stored as they were sent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from svc.errors import InvalidRequestError
from svc.fields.values import shortened
from svc.routes.openai.item_members import check_members, check_members_of_part

_TYPES: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "text": ((str,), "a string"),
    "text?": ((str, type(None)), "a string or null"),
    "list": ((list,), "a list"),
    "list?": ((list, type(None)), "a list or null"),
    "object": ((dict,), "an object"),
    "bool": ((bool,), "true or false"),
    "output": ((str, list), "a string or a list of parts"),
    "any": ((object,), "a JSON value"),
}


_STATUSES: Final = ("in_progress", "completed", "incomplete")
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "phase": ("commentary", "final_answer"),
    "execution": ("server", "client"),
}
"""The values of fields that can be absent or null."""
_DETAILS: Final = ("low", "high", "auto", "original")


@dataclass(frozen=True)
class Kind:
    """A kind of item: the prefix of its ids, its required fields, and whether its answer must have a `status`."""

    prefix: str
    required: dict[str, str]
    has_status: bool = False
    statuses: tuple[str, ...] = _STATUSES


_SEARCHED: Final = ("in_progress", "searching", "completed", "incomplete", "failed")

MESSAGE: Final = "message"
CALL: Final = "function_call"
OUTPUT: Final = "function_call_output"
CUSTOM_OUTPUT: Final = "custom_tool_call_output"

KINDS: Final[dict[str, Kind]] = {
    MESSAGE: Kind("msg_", {"role": "text", "content": "output"}, True),
    CALL: Kind("fc_", {"call_id": "text", "name": "text", "arguments": "text"}, True),
    OUTPUT: Kind("fco_", {"output": "output"}, True),
    "reasoning": Kind("rs_", {"summary": "list"}),
    "file_search_call": Kind("fs_", {"queries": "list", "status": "text"}, statuses=_SEARCHED),
    "web_search_call": Kind("ws_", {"action": "object", "status": "text"}, statuses=_SEARCHED),
    "computer_call": Kind("cu_", {"call_id": "text", "pending_safety_checks": "list", "status": "text"}),
    "computer_call_output": Kind("cuo_", {"call_id": "text", "output": "object"}, True),
    "tool_search_call": Kind("tsc_", {"arguments": "any"}, True),
    "tool_search_output": Kind("tso_", {"tools": "list"}, True),
    "additional_tools": Kind("at_", {"role": "text", "tools": "list"}),
    "configuration_update": Kind("cfg_", {}),
    "compaction": Kind("cmp_", {"encrypted_content": "text"}),
    "image_generation_call": Kind(
        "ig_", {"result": "text?", "status": "text"}, statuses=("in_progress", "completed", "generating", "failed")
    ),
    "code_interpreter_call": Kind(
        "ci_",
        {"code": "text?", "container_id": "text", "outputs": "list?", "status": "text"},
        statuses=(*_STATUSES, "interpreting", "failed"),
    ),
    "local_shell_call": Kind("lsh_", {"action": "object", "call_id": "text", "status": "text"}),
    "local_shell_call_output": Kind("lsho_", {"output": "text"}),
    "shell_call": Kind("sh_", {"action": "object", "call_id": "text"}, True),
    "shell_call_output": Kind("sho_", {"call_id": "text", "output": "list"}, True),
    "apply_patch_call": Kind(
        "apc_", {"call_id": "text", "operation": "object", "status": "text"}, statuses=("in_progress", "completed")
    ),
    "apply_patch_call_output": Kind("apco_", {"call_id": "text", "status": "text"}, statuses=("completed", "failed")),
    "mcp_list_tools": Kind("mcpl_", {"server_label": "text", "tools": "list"}),
    "mcp_approval_request": Kind("mcpr_", {"arguments": "text", "name": "text", "server_label": "text"}),
    "mcp_approval_response": Kind("mcpa_", {"approval_request_id": "text", "approve": "bool"}),
    "mcp_call": Kind(
        "mcp_",
        {"arguments": "text", "name": "text", "server_label": "text"},
        statuses=(*_STATUSES, "calling", "failed"),
    ),
    "custom_tool_call": Kind("ctc_", {"call_id": "text", "input": "text", "name": "text"}),
    CUSTOM_OUTPUT: Kind("ctco_", {"call_id": "text", "output": "output"}),
    "program": Kind("prog_", {"call_id": "text", "code": "text", "fingerprint": "text"}),
    "program_output": Kind(
        "progo_", {"call_id": "text", "result": "text", "status": "text"}, statuses=("completed", "incomplete")
    ),
}

_NO_ITEMS: Final = {
    "item_reference": "it refers to an item; send the item itself",
    "compaction_trigger": "it asks a model to act, and Cabinet has none; send the item that results",
}

PARTS: Final[dict[str, str]] = {
    "input_text": "text", "output_text": "text", "text": "text", "summary_text": "text", "reasoning_text": "text",
    "refusal": "refusal", "input_image": "", "input_file": "", "computer_screenshot": "",
}  # fmt: skip
"""The kinds of parts of a content, each with the field that must be a string."""


def kind_of(item: dict[str, Any], path: str) -> str:
    """Return the type of an item. An item without a type is a message if it has a role.

    Raises:
        InvalidRequestError: an item cannot have this type.
    """
    given = item.get("type", MESSAGE if "role" in item else "item_reference" if item.keys() == {"id"} else None)
    field = f"{path}.type"
    if isinstance(given, str) and given in KINDS:
        return given
    if isinstance(given, str) and given in _NO_ITEMS:
        raise InvalidRequestError(f"{path} cannot be an {given}: {_NO_ITEMS[given]}", field=field)
    shown = f", not {shortened(given)}" if isinstance(given, str) else ""
    raise InvalidRequestError(f"{field} must be one of {', '.join(KINDS)}{shown}", field=field, code="invalid_value")


def check_fields(item: dict[str, Any], type_: str, path: str) -> None:
    """Check that an item has the fields of its kind.

    Raises:
        InvalidRequestError: names the field that is missing or wrong.
    """
    kind = KINDS[type_]
    for name, expected in kind.required.items():
        types, phrase = _TYPES[expected]
        field = f"{path}.{name}"
        if name not in item:
            raise InvalidRequestError(
                f"{field} is required: {phrase}", field=field, code="missing_required_parameter"
            )  # fmt: skip
        if not isinstance(item[name], types):
            raise InvalidRequestError(f"{field} must be {phrase}", field=field, code="invalid_type")
    for name, choices in {"status": kind.statuses, **_CHOICES}.items():
        if item.get(name) is not None:
            _check_choice(item[name], choices, f"{path}.{name}")
    check_members(item, type_, path)


def _check_choice(value: Any, choices: Collection[str], field: str) -> None:
    if not isinstance(value, str):
        raise InvalidRequestError(f"{field} must be a string", field=field, code="invalid_type")
    if value not in choices:
        raise InvalidRequestError(
            f"{field} must be one of {', '.join(choices)}, not {shortened(value)}", field=field, code="invalid_value"
        )


def check_parts(parts: list[Any], path: str) -> None:
    """Check the parts of a content.

    Raises:
        InvalidRequestError: names the part that is wrong.
    """
    for index, part in enumerate(parts):
        place = f"{path}[{index}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str) or kind not in PARTS:
            shown = f", not {shortened(kind)}" if isinstance(kind, str) else ""
            raise InvalidRequestError(
                f"{place}.type must be one of {', '.join(PARTS)}{shown}", field=f"{place}.type", code="invalid_value"
            )
        if PARTS[kind] and not isinstance(part.get(PARTS[kind]), str):
            field = f"{place}.{PARTS[kind]}"
            raise InvalidRequestError(f"{field} must be a string", field=field, code="missing_required_parameter")
        if part.get("detail") is not None and kind in ("input_image", "computer_screenshot"):
            _check_choice(part["detail"], _DETAILS, f"{place}.detail")
        check_members_of_part(part, kind, place)
