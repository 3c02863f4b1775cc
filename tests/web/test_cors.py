"""Browsers: pages of allowed origins may call the service and read its answers, also with a prefix of the paths."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from svc.errors import StartupError
from svc.settings import load_settings
from tests.server_process import ServerProcess

APP = "https://app.example.com"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    variables = {"CABINET_CORS_ORIGINS": f"{APP}, http://localhost:5173", "CABINET_ROOT_PATH": "/cabinet"}
    with ServerProcess(variables) as running:
        yield running


@pytest.mark.parametrize("origin", [APP, "http://localhost:5173"])
def test_a_page_of_an_allowed_origin_may_call(server: ServerProcess, origin: str) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type, if-match, idempotency-key",
    }
    preflight = httpx.options(f"{server.url}/documents/1", headers=asked)
    refused = httpx.get(f"{server.url}/me", headers={"Origin": origin})

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in preflight.headers
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin
    assert "X-Request-Id" in refused.headers["access-control-expose-headers"]


def test_a_page_may_use_the_sdk_of_the_openai_api(server: ServerProcess) -> None:
    """The headers of the npm package `openai` in a browser (`dangerouslyAllowBrowser`)."""
    sent = [
        "authorization", "content-type", "openai-beta", "openai-organization", "openai-project", "user-agent",
        *(f"x-stainless-{name}" for name in (
            "arch", "custom-poll-interval", "helper-method", "lang", "os", "package-version", "poll-helper",
            "retry-count", "runtime", "runtime-version", "timeout",
        )),
    ]  # fmt: skip
    asked = {
        "Origin": APP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ",".join(sent),
    }
    preflight = httpx.options(f"{server.url}/v1/vector_stores", headers=asked)
    answer = httpx.get(f"{server.url}/v1/models", headers={"Origin": APP})

    assert preflight.status_code == 200, preflight.text
    assert {*sent} <= {name.strip().lower() for name in preflight.headers["access-control-allow-headers"].split(",")}
    assert "openai-poll-after-ms" in answer.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", f"{APP}.evil.example.com", "http://app.example.com"]
)
def test_other_pages_may_not(server: ServerProcess, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}

    assert httpx.options(f"{server.url}/me", headers=asked).status_code == 400
    assert "access-control-allow-origin" not in httpx.get(f"{server.url}/me", headers={"Origin": origin}).headers


def test_a_proxy_may_keep_the_prefix_or_remove_it(server: ServerProcess) -> None:
    for path in ("", "/cabinet"):
        assert httpx.get(f"{server.url}{path}/health/live").json() == {"status": "alive"}
        links = httpx.get(f"{server.url}{path}/").json()["links"]
        assert links["openapi"] == "/cabinet/openapi.json"
        assert httpx.get(f"{server.url}{path}/openapi.json").json()["servers"] == [{"url": "/cabinet"}]
        assert httpx.get(f"{server.url}{path}/docs/assets/swagger-ui.css").status_code == 200
        unknown = httpx.get(f"{server.url}{path}/v1/models").json()
        assert unknown["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "value", ["app.example.com", f"{APP}/", f"{APP}/path", "ftp://a.b", "https://", "https://u:p@a.b"]
)
def test_an_invalid_origin_is_refused_at_startup(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINET_CORS_ORIGINS", value)

    with pytest.raises(StartupError, match="CABINET_CORS_ORIGINS"):
        load_settings()


@pytest.mark.parametrize("value", ["cabinet", "/a//b", "/a/", "/a b"])
def test_a_prefix_is_a_path(value: str) -> None:
    with pytest.raises(StartupError, match="CABINET_ROOT_PATH"):
        load_settings(root_path=value)
