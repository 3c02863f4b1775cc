"""The members of items and of parts that are lists or objects, as the SDK's `ResponseInputItemParam` declares them.

A client that validates answers refuses a list with a single wrong item. Members that are not listed here are stored as
they were sent.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from svc.errors import InvalidFieldsError
from svc.field_faults import FieldFault
from svc.fields.validation import fault_without_value, faults_of
from svc.routes.openai.item_actions import (
    Commands,
    CreateFile,
    DeleteFile,
    Exec,
    FindInPage,
    OpenPage,
    Search,
    Step,
    Tagged,
    UpdateFile,
)


class _Summary(Struct, frozen=True):
    type: Literal["summary_text"]
    text: str


class _ReasoningText(Struct, frozen=True):
    type: Literal["reasoning_text"]
    text: str


class _Reasoning(Struct, frozen=True):
    summary: list[_Summary]
    content: list[_ReasoningText] | None = None
    encrypted_content: str | None = None


class _FoundFile(Struct, frozen=True):
    file_id: str | None = None
    filename: str | None = None
    text: str | None = None
    score: float | None = None
    attributes: dict[str, str | float | bool] | None = None


class _FileSearch(Struct, frozen=True):
    queries: list[str]
    results: list[_FoundFile] | None = None


class _WebSearch(Struct, frozen=True):
    action: Search | OpenPage | FindInPage


class _SafetyCheck(Struct, frozen=True):
    id: str
    code: str | None = None
    message: str | None = None


class _ComputerCall(Struct, frozen=True):
    pending_safety_checks: list[_SafetyCheck]
    action: Step | None = None
    actions: list[Step] | None = None


class _ShownScreen(Struct, frozen=True):
    type: Literal["computer_screenshot"]
    file_id: str | None = None
    image_url: str | None = None


class _ComputerOutput(Struct, frozen=True):
    output: _ShownScreen
    acknowledged_safety_checks: list[_SafetyCheck] | None = None


class _Logs(Tagged, frozen=True, tag="logs"):
    logs: str


class _Image(Tagged, frozen=True, tag="image"):
    url: str


class _CodeInterpreter(Struct, frozen=True):
    outputs: list[_Logs | _Image] | None


class _LocalShell(Struct, frozen=True):
    action: Exec


class _Shell(Struct, frozen=True):
    action: Commands


class _Exit(Tagged, frozen=True, tag="exit"):
    exit_code: int


class _Timeout(Tagged, frozen=True, tag="timeout"):
    pass


class _Ran(Struct, frozen=True):
    stdout: str
    stderr: str
    outcome: _Exit | _Timeout


class _ShellOutput(Struct, frozen=True):
    output: list[_Ran]


class _Patch(Struct, frozen=True):
    operation: CreateFile | UpdateFile | DeleteFile


class _PatchOutput(Struct, frozen=True):
    output: str | None = None


class _McpTool(Struct, frozen=True):
    name: str
    input_schema: Any
    description: str | None = None


class _McpTools(Struct, frozen=True):
    tools: list[_McpTool]
    error: str | None = None


class _McpCall(Struct, frozen=True):
    output: str | None = None
    approval_request_id: str | None = None


class _Approval(Struct, frozen=True):
    reason: str | None = None


_OF_KINDS: Final[dict[str, type[Struct]]] = {
    "reasoning": _Reasoning,
    "file_search_call": _FileSearch,
    "web_search_call": _WebSearch,
    "computer_call": _ComputerCall,
    "computer_call_output": _ComputerOutput,
    "code_interpreter_call": _CodeInterpreter,
    "local_shell_call": _LocalShell,
    "shell_call": _Shell,
    "shell_call_output": _ShellOutput,
    "apply_patch_call": _Patch,
    "apply_patch_call_output": _PatchOutput,
    "mcp_list_tools": _McpTools,
    "mcp_call": _McpCall,
    "mcp_approval_response": _Approval,
}


class _FileCitation(Tagged, frozen=True, tag="file_citation"):
    file_id: str
    filename: str
    index: int


class _UrlCitation(Tagged, frozen=True, tag="url_citation"):
    url: str
    title: str
    start_index: int
    end_index: int


class _ContainerCitation(Tagged, frozen=True, tag="container_file_citation"):
    container_id: str
    file_id: str
    filename: str
    start_index: int
    end_index: int


class _FilePath(Tagged, frozen=True, tag="file_path"):
    file_id: str
    index: int


class _Token(Struct, frozen=True):
    token: str
    logprob: float
    bytes: list[int]


class _TokenOfText(Struct, frozen=True):
    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[_Token]


class _OutputText(Struct, frozen=True):
    annotations: list[_FileCitation | _UrlCitation | _ContainerCitation | _FilePath] | None = None
    logprobs: list[_TokenOfText] | None = None


class _InputImage(Struct, frozen=True):
    image_url: str | None = None
    file_id: str | None = None


class _InputFile(Struct, frozen=True):
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


_OF_PARTS: Final[dict[str, type[Struct]]] = {
    "output_text": _OutputText,
    "input_image": _InputImage,
    "computer_screenshot": _InputImage,
    "input_file": _InputFile,
}


def check_members(item: dict[str, Any], kind: str, path: str) -> None:
    """Check the members of an item of a kind.

    Raises:
        InvalidRequestError: names each member that is wrong.
    """
    _check(item, _OF_KINDS.get(kind), path)


def check_members_of_part(part: dict[str, Any], kind: str, path: str) -> None:
    """Check the members of a part of a content.

    Raises:
        InvalidRequestError: names each member that is wrong.
    """
    _check(part, _OF_PARTS.get(kind), path)


def _check(value: dict[str, Any], type_: type[Struct] | None, path: str) -> None:
    if type_ is None:
        return
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        faults = faults_of(value, type_) or [fault_without_value(error, type_)]
        raise InvalidFieldsError([_within(fault, path) for fault in faults]) from None


def _within(fault: FieldFault, path: str) -> FieldFault:
    """The fault of a member, with its path from the request; the sentence begins with the field or contains it."""
    field = f"{path}.{fault.field}"
    return type(fault)(field, fault.detail.replace(fault.field, field, 1))
