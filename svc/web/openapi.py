"""`/openapi.json`, generated from the structs that validate requests and encode answers."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from svc import __version__
from svc.web.problems import Problem
from svc.web.routing import Endpoint
from svc.web.schemas import complete_schema, complete_schemas, describe_default, referenced

_REFERENCE = "#/components/schemas/{name}"
# The fields of an upload that a form encodes differently from JSON.
_OF_A_FORM = ("filename", "content", "metadata")
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_STATUS_TEXTS = {
    200: "It exists already.",
    206: "The part in Content-Range.",
    303: "A browser is redirected to the page in Location.",
    304: "It is the version in If-None-Match.",
    400: "The request cannot be read.",
    401: "The key is missing or not valid.",
    403: "The key lacks the permission, or a limit of the plan is reached; the detail names it.",
    404: "It does not exist, or it belongs to another user.",
    409: "The request conflicts with stored data.",
    412: "It has changed since the version in If-Match.",
    413: "The body is too large.",
    414: "The query string is too long.",
    415: "The route does not accept this media type.",
    416: "The file has no byte in the range.",
    422: "A field is wrong; the errors name it.",
    429: "The plan allows no more requests in this minute, or the client sent too many unknown keys; see Retry-After.",
    503: "The database or the embedding provider does not answer; see Retry-After.",
}
_CONDITIONS = {
    "If-Match": "The ETag of the version to change; 412 if it has changed since.",
    "If-None-Match": "The ETag of the version that you have; 304 if it is still the same.",
    "Range": "The part to download, such as bytes=0-1023.",
    "If-Range": "The ETag of the file that the part must be of; otherwise the answer is the whole file.",
}
_ETAG = {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}}
_DESCRIPTION = """The data layer of an AI application: users, documents, vector search and conversations.

Send your API key, or a token of the operator's identity provider, as `Authorization: Bearer <key>`. The admin key can
act for a user with `Cabinet-User: <user id>`.
Lists answer `{"data": […], "next": …}`: send `next` as `after` to get the following page. Errors are problem documents
(RFC 9457) and name the field. Each answer has the headers `X-Request-Id` and `Server-Timing` (milliseconds in the
database)."""


def openapi_document(endpoints: list[Endpoint]) -> dict[str, Any]:
    """Describe the endpoints in OpenAPI 3.1."""
    types = [Problem]
    for endpoint in endpoints:
        answers = endpoint.extra.get("answers", {}).values()
        types += [t for t in (endpoint.body, endpoint.returns, *_uploads(endpoint), *answers) if t is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    by_type = dict(zip(map(str, types), schemas, strict=True))
    bodies = [endpoint.body or endpoint.extra.get("upload") for endpoint in endpoints]
    sent = [by_type[str(body)] for body in bodies if body is not None]
    complete_schemas(components, referenced(sent, components), errors=Problem.__name__)
    complete_schema(list(schemas))
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cabinet", "version": __version__, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "parameters": [
            *_path_parameters(endpoint),
            *_query_parameters(endpoint),
            *_acting_for(endpoint),
            *_idempotency_key(endpoint),
            *_conditions(endpoint),
        ],
        "responses": _responses(endpoint, schemas),
        "security": [] if endpoint.access == "public" else [{"key": []}],
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if body := _request_body(endpoint, schemas):
        operation["requestBody"] = body
    return operation


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", **({"format": "uuid"} if name.endswith("_id") and name != "user_id" else {})},
        }
        for name in _PATH_PARAMETER.findall(endpoint.path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    _, components = msgspec.json.schema_components([endpoint.query], ref_template=_REFERENCE)
    properties = components[endpoint.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
        for name, schema in properties.items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Remove null from a schema: a query string cannot contain null, so the parameter is omitted instead."""
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    rest = {
        key: value
        for key, value in schema.items()
        if key not in ("anyOf", "default") or value not in (None, schema.get("anyOf"))
    }
    return {**options[0], **rest} if len(options) == 1 else schema


def _acting_for(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.access not in ("user", "acting"):
        return []
    is_required = endpoint.access == "acting"
    condition = "" if is_required else "With the admin key: "
    return [
        {
            "name": "Cabinet-User",
            "in": "header",
            "required": is_required,
            "schema": {"type": "string"},
            "description": f"{condition}the id or the external id of the user to act for.",
        }
    ]


def _idempotency_key(endpoint: Endpoint) -> list[dict[str, Any]]:
    if not endpoint.extra.get("once"):
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "A unique key of your choice: a request repeated with it within 24 hours takes effect once.",
        }
    ]


def _conditions(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = []
    if endpoint.is_tagged and endpoint.has_tag:
        names.append("If-None-Match" if endpoint.method == "GET" else "If-Match")
    if endpoint.extra.get("ranges"):
        names += ["If-None-Match", "Range", "If-Range"]
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": _CONDITIONS[name],
        }
        for name in names
    ]


def _request_body(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any] | None:
    if upload := endpoint.extra.get("upload"):
        fields = msgspec.json.schema_components([upload])[1][upload.__name__]["properties"]
        for field in fields.values():
            describe_default(field)
        multipart = {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {"type": "string", "format": "binary"},
                "filename": {"type": "string", "description": "Replaces the name of the file."},
                "metadata": {"type": "string", "description": "A JSON object."},
                **{name: _without_null(fields[name]) for name in fields if name not in _OF_A_FORM},
            },
        }
        content = {
            "application/json": _json_body(endpoint, {"anyOf": [schemas[str(type_)] for type_ in _uploads(endpoint)]}),
            "multipart/form-data": {"schema": multipart},
        }
        return {"required": True, "content": content}
    if takes := endpoint.extra.get("takes"):
        return {"required": True, "content": {takes: {"schema": {"type": "string", "format": "binary"}}}}
    if endpoint.body is None:
        return None
    kinds = {"application/json", endpoint.extra.get("media_type", "application/json")}
    return {
        "required": True,
        "content": {kind: _json_body(endpoint, schemas[str(endpoint.body)]) for kind in sorted(kinds, reverse=True)},
    }


def _uploads(endpoint: Endpoint) -> list[type[msgspec.Struct]]:
    """The forms of an upload in JSON."""
    return [endpoint.extra[name] for name in ("upload", "upload_chunks") if name in endpoint.extra]


def _json_body(endpoint: Endpoint, schema: dict[str, Any]) -> dict[str, Any]:
    example = {"example": endpoint.extra["example"]} if "example" in endpoint.extra else {}
    return {"schema": schema, **example}


def _responses(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {str(endpoint.status): _success(endpoint, schemas)}
    for status, type_ in endpoint.extra.get("answers", {}).items():
        responses[str(status)] = {
            "description": _STATUS_TEXTS[status],
            "content": {"application/json": {"schema": schemas[str(type_)]}},
        }
    problem = {"application/problem+json": {"schema": schemas[str(Problem)]}}
    if endpoint.is_tagged:
        responses[str(endpoint.status)]["headers"] = {"ETag": _ETAG}
    if endpoint.extra.get("ranges"):
        responses["206"] = {**responses["200"], "description": _STATUS_TEXTS[206]}
        responses["416"] = {"description": _STATUS_TEXTS[416], "content": problem}
    if endpoint.method == "GET" and (endpoint.is_tagged or endpoint.extra.get("ranges")):
        responses["304"] = {"description": _STATUS_TEXTS[304]}
    for status in sorted({*_usual_errors(endpoint), *endpoint.errors} - {int(code) for code in responses}):
        responses[str(status)] = {"description": _STATUS_TEXTS[status], "content": problem}
    return responses


def _usual_errors(endpoint: Endpoint) -> set[int]:
    # A client that has sent too many unknown keys gets a 429 from every route that needs a key.
    errors = set() if endpoint.access == "public" else {401, 429, 503}
    if endpoint.has_tag:
        errors |= {400, 412}
    if endpoint.access in ("admin", "user", "any", "acting"):
        errors.add(403)
    if endpoint.access in ("user", "acting"):
        errors.add(404)  # for a user in Cabinet-User who does not exist
    if endpoint.query is not None:
        errors |= {414, 422}
    if endpoint.body is not None or "upload" in endpoint.extra:
        errors |= {400, 413, 415, 422}
    return errors


def _success(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    if produces := endpoint.extra.get("produces"):
        schema = {"type": "object" if produces == "application/json" else "string"}
        return {"description": endpoint.summary, "content": {produces: {"schema": schema}}}
    answer = endpoint.returns or endpoint.extra.get("answers", {}).get(503)
    if answer is None:
        return {"description": "Done; nothing to return."}
    return {
        "description": endpoint.summary,
        "content": {"application/json": {"schema": schemas[str(answer)]}},
    }
