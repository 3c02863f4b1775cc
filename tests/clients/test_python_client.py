"""The Python client on a real service, and its reaction to lost, refused and repeated requests."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cabinet_client import (
    AsyncCabinet,
    Cabinet,
    ConflictError,
    Event,
    FileChangedError,
    IngestionError,
    IngestionEvent,
    InvalidRequestError,
    NoAnswerError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    QuotaExceededError,
    RetryEvent,
    TooManyRequestsError,
    UnavailableError,
    UploadEvent,
    bodies,
)
from cabinet_client.errors import FieldFault, Problem
from cabinet_client.models import Document
from cabinet_client.retries import delay_s, is_repeatable, retry_after_s
from tests.clients.losing_proxy import losing_proxy
from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
OTHER = "found-by-email@example.com"


def test_the_blocking_client_is_generated_from_the_asynchronous_one() -> None:
    command = [sys.executable, str(ROOT / "clients/python/generate_sync.py"), "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout


def test_a_folder_is_uploaded_found_and_cited(user: Cabinet, tmp_path: Path) -> None:
    (tmp_path / "faq").mkdir()
    (tmp_path / "faq/post.txt").write_text("A parcel to Norway takes four days.")
    (tmp_path / "moon.md").write_text("# The Moon\n\nThe Moon is 384,400 km away.")
    (tmp_path / ".hidden").write_text("not for upload")
    events: list[Event] = []

    documents = user.upload(tmp_path, metadata={"topic": "any"}, progress=events.append)
    results = user.search("How long does a parcel to Norway take?", limit=1)
    conversation = user.conversations.create(title="Post")
    question, answer = user.conversations.append(
        conversation.id,
        {"role": "user", "content": "How long?"},
        {"role": "assistant", "content": "Four days.", "sources": [results[0].chunk_id]},
    )
    context = user.conversations.context(conversation.id, token_budget=1000)

    shelf = user.collections.create(name="Sky")
    bound = user.conversations.create(title="Bound", collection_ids=[shelf.id])
    assert bound.collection_ids == [shelf.id]
    assert user.search("How long does a parcel take?", conversation_id=bound.id) == []
    assert user.conversations.update(bound.id, title="Free").collection_ids == [shelf.id]
    assert user.conversations.update(bound.id, collection_ids=[]).collection_ids == []
    user.collections.add(shelf.id, documents[0].id)
    chunks = list(user.collections.chunks(shelf.id, documents[0].id))
    assert chunks == list(user.documents.chunks(documents[0].id))
    assert list(user.collections.chunks(shelf.id, documents[0].id, after=len(chunks) - 1)) == []

    assert {document.filename for document in documents} == {"faq/post.txt", "moon.md"}
    assert all(document.status == "ready" and document.metadata == {"topic": "any"} for document in documents)
    assert results[0].filename == "faq/post.txt"
    assert "Norway" in results[0].content
    assert [message.content for message in context.data] == ["How long?", "Four days."]
    assert (question.position, answer.position, answer.sources[0].filename) == (1, 2, "faq/post.txt")
    assert [event.number for event in events if isinstance(event, UploadEvent)] == [1, 2]
    assert {event.document.status for event in events if isinstance(event, IngestionEvent)} >= {"ready"}


def test_the_chat_of_the_docs_is_short_and_answers_without_documents(
    server: ServerProcess, user: Cabinet, tmp_path: Path
) -> None:
    page = (ROOT / "docs/clients/python.md").read_text()
    code = page.partition("<<'PY'\n")[2].partition("\nPY\n")[0]
    upload = '    cabinet.upload("faq.txt")\n'
    assert upload in code
    (tmp_path / "chat.py").write_text(code.replace(upload, "").replace("http://127.0.0.1:8080", server.url))
    key = user.keys.create("chat").api_key

    ran = subprocess.run(
        [sys.executable, "chat.py", key], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    assert ran.stderr == ""
    assert ran.stdout.count("assistant | The documents do not say.") == 2


async def test_the_asynchronous_client_does_the_same(server: ServerProcess, admin: Cabinet, tmp_path: Path) -> None:
    created = admin.users.create("async@example.com")
    async with AsyncCabinet(server.url, created.api_key) as client:
        document = await client.documents.create("tides.txt", "The Moon raises two tides a day.")
        await client.documents.wait([document], timeout_s=60)
        found = await client.search("tides", document_ids=[document.id])
        names = [each.filename async for each in client.documents.list(status="ready")]
        await client.export(tmp_path / "export.ndjson")
        await client.documents.delete(document.id)
        with pytest.raises(NotFoundError):
            await client.documents.get(document.id)

    assert [result.document_id for result in found] == [document.id]
    assert names == ["tides.txt"]
    assert (tmp_path / "export.ndjson").read_text().splitlines()[-1].startswith('{"line":"end"')


def test_a_list_goes_on_over_its_pages(user: Cabinet) -> None:
    conversation = user.conversations.create()
    user.conversations.append(conversation.id, *(bodies.Message(role="user", content=str(n)) for n in range(250)))

    pages = [len(page) for page in user.conversations.messages(conversation.id).pages()]
    contents = [message.content for message in user.conversations.messages(conversation.id)]

    assert pages == [100, 100, 50]
    assert contents == [str(number) for number in range(250)]


def test_the_admin_acts_for_a_user(admin: Cabinet) -> None:
    created, other = admin.users.create("acted-for@example.com", name="Ada"), admin.users.create(OTHER)
    expires_at = datetime.now(UTC) + timedelta(days=1)

    key = admin.for_user(created.user.id).keys.create("laptop", expires_at=expires_at)
    admin.for_user(created.user.id).keys.revoke(key.key.id)
    plan = admin.plans.create("small", max_documents=0)
    admin.users.update(created.user.id, plan="small")
    with pytest.raises(QuotaExceededError) as quota:
        admin.for_user(created.user.id).documents.create("a.txt", "a")
    erased = admin.users.delete(created.user.id)

    assert admin.users.get(email=OTHER.upper()).id == other.user.id
    with pytest.raises(NotFoundError):
        admin.users.get(email="nobody@example.com")
    assert key.key.expires_at == expires_at
    assert plan.max_documents == 0
    assert (quota.value.problem.quota, quota.value.problem.allowed) == ("documents", 0)
    assert erased.rows["users"] == 1


def test_errors_carry_the_fields_of_the_problem(server: ServerProcess, admin: Cabinet, user: Cabinet) -> None:
    with pytest.raises(InvalidRequestError) as invalid:
        user.search("moon", limit=101)
    with pytest.raises(ConflictError):
        admin.users.create(str(user.me().email))
    with pytest.raises(NotAuthenticatedError), Cabinet(server.url, "cab_wrong") as stranger:
        stranger.me()

    assert [fault.field for fault in invalid.value.errors] == ["limit"]
    assert invalid.value.status == 422
    assert invalid.value.request_id


def test_a_document_that_cannot_be_read_is_an_exception_with_its_reason(user: Cabinet, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")

    with pytest.raises(IngestionError, match=r"broken\.pdf: The PDF cannot be read") as failed:
        user.upload(tmp_path / "broken.pdf")

    assert [document.status for document in failed.value.documents] == ["error"]


def test_an_upload_whose_answer_is_lost_happens_once(server: ServerProcess, admin: Cabinet) -> None:
    created = admin.users.create("lost@example.com")
    events: list[Event] = []
    with (
        losing_proxy(server.url) as proxy,
        Cabinet(proxy.url, created.api_key, on_event=events.append) as client,
    ):
        proxy.lost = 2
        document = client.documents.create("once.txt", "Once.")
        conversation = client.conversations.create(title="Once")
        proxy.lost = 1
        client.conversations.append(conversation.id, {"role": "user", "content": "Once."})
        keys = {headers["idempotency-key"] for _, path, headers in proxy.requests if path == "/documents"}

        assert [each.id for each in client.documents.list()] == [document.id]
        assert [each.content for each in client.conversations.messages(conversation.id)] == ["Once."]
        assert len(keys) == 1
        assert [event.attempt for event in events if isinstance(event, RetryEvent)] == [1, 2, 1]


@pytest.mark.parametrize("name", ["sea.txt", 'Ünï "quoted" \\ name.txt'])
async def test_a_file_is_read_while_it_is_sent_and_again_for_each_attempt(
    server: ServerProcess, admin: Cabinet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text = "The tide comes twice a day.\n" * 50_000
    (tmp_path / name).write_text(text)
    readers, sizes, read = set(), [], io.BufferedReader.read

    def noted(file: io.BufferedReader, size: int | None = -1) -> bytes:
        part = read(file, size)
        readers.add(threading.current_thread())
        sizes.append(len(part))
        return part

    class Noted(io.BufferedReader):
        read = noted

    monkeypatch.setattr(Path, "open", lambda path, mode: Noted(io.FileIO(path, mode)))
    created = admin.users.create(f"streamed-{len(name)}@example.com")
    events: list[Event] = []
    with losing_proxy(server.url) as proxy:
        async with AsyncCabinet(proxy.url, created.api_key, on_event=events.append) as client:
            proxy.lost = 1
            [document] = await client.upload(tmp_path / name, wait=False, metadata={"sea": "ä"})
            content = await client.documents.content(document.id)
            stored = [each.id async for each in client.documents.list()]
        keys = {headers["idempotency-key"] for method, _, headers in proxy.requests if method == "POST"}

    assert (content.decode(), document.filename, document.metadata) == (text, name, {"sea": "ä"})
    assert (stored, len(keys), len(events)) == ([document.id], 1, 1)
    assert sum(sizes) == 2 * len(text)
    assert max(sizes) <= 2**18
    assert threading.current_thread() not in readers


def test_a_file_is_sent_as_long_as_it_was_or_not_at_all(
    user: Cabinet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.txt"
    log.write_text("one\n")
    measured = log.stat()

    def before(_: Path, **__: bool) -> os.stat_result:
        return measured

    log.write_text("one\ntwo\n")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", before)
        grown = user.documents.create("grown.txt", log)
    log.write_text("o")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", before)
        with pytest.raises(FileChangedError, match=r"log\.txt became shorter while it was sent; upload it again"):
            user.documents.create("cut.txt", log)
    log.write_text("")
    with pytest.raises(InvalidRequestError, match="empty"):
        user.documents.create("empty.txt", log)

    user.export(tmp_path / "export.ndjson")
    assert (tmp_path / "export.ndjson").read_text().splitlines()[-1].startswith('{"line":"end"')
    assert user.documents.content(grown.id) == b"one\n"
    assert [document.filename for document in user.documents.list()] == ["grown.txt"]


def test_a_request_that_could_take_effect_twice_is_not_repeated(server: ServerProcess, admin: Cabinet) -> None:
    with losing_proxy(server.url) as proxy, Cabinet(proxy.url, server.admin_key) as client:
        proxy.lost = 1
        with pytest.raises(NoAnswerError):
            client.plans.create("maybe")

        assert len(proxy.requests) == 1
    assert admin.plans.get("maybe").name == "maybe"


def test_the_service_says_how_long_to_wait(server: ServerProcess) -> None:
    events: list[Event] = []
    with (
        losing_proxy(server.url) as proxy,
        Cabinet(proxy.url, server.admin_key, on_event=events.append, most_wait_s=5) as client,
    ):
        proxy.replaced = [(503, {"Retry-After": "0"}), (429, {"Retry-After": "0"})]
        assert list(client.plans.list())
        proxy.replaced = [(429, {"Retry-After": "3600"})]
        with pytest.raises(TooManyRequestsError) as refused:
            client.plans.list()
        proxy.replaced = [(502, {"Retry-After": "0"})] * 5
        with pytest.raises(UnavailableError):
            client.plans.list()

    assert refused.value.retry_after_s == 3600
    assert [event.reason for event in events if isinstance(event, RetryEvent)] == ["503", "429", *["502"] * 4]


def test_only_what_is_safe_is_repeated() -> None:
    refused = httpx.ConnectError("refused")
    lost = httpx.ReadError("lost")

    assert [is_repeatable(failure, is_safe=False) for failure in (429, 503, refused, lost)] == [
        True,
        False,
        True,
        False,
    ]
    assert [is_repeatable(failure, is_safe=True) for failure in (429, 503, lost)] == [True, True, True]
    assert not any(is_repeatable(status, is_safe=True) for status in (400, 401, 403, 404, 409, 422, 501))


def test_retry_after_is_seconds_or_a_date() -> None:
    in_a_minute = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert retry_after_s("7") == 7
    assert 55 < (retry_after_s(in_a_minute) or 0) <= 60
    assert retry_after_s("Mon, 01 Jan 2001 00:00:00 GMT") == 0
    assert retry_after_s("Mon Jan  1 00:00:00 2001") == 0
    assert retry_after_s("soon") is None
    assert retry_after_s("²") is None


def test_errors_can_be_pickled_as_process_pools_do() -> None:
    problem = Problem(title="Forbidden", status=403, detail="no", errors=[FieldFault("name", "too long")])
    refused = pickle.loads(pickle.dumps(NotAllowedError(403, problem, 7.0)))
    assert type(refused) is NotAllowedError
    assert (refused.status, refused.problem, refused.retry_after_s) == (403, problem, 7.0)
    assert str(refused) == "403 Forbidden: no"

    now = datetime.now(UTC)
    damaged = Document(
        id=uuid.uuid4(), filename="a.pdf", file_type="pdf", file_size=4, status="error", error="damaged", attempt=1,
        lease_expires_at=None, progress=0.0, chunk_count=0, metadata={}, expires_at=None,
        created_at=now, updated_at=now,
    )  # fmt: skip
    failed = pickle.loads(pickle.dumps(IngestionError([damaged])))
    assert failed.documents == [damaged]
    assert str(failed) == "a.pdf: damaged"
    assert delay_s(0, 7) == 7
    assert all(0 < delay_s(attempt, None) <= 8 for attempt in range(100))


@pytest.mark.parametrize(
    "id_", ["../users/1", "1/../../users/1", "1?a=b", "1#a", "", ".", "..", "1 2", "1\r\nX: y", "1\\2"]
)
def test_an_id_does_not_lead_elsewhere(id_: str) -> None:
    """An application may pass on an id that its user sent, together with the admin's key."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(204)

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        Cabinet("http://cabinet", "admin", http_client=http) as client,
    ):
        for delete in (client.documents.delete, client.conversations.delete, client.collections.delete):
            with pytest.raises(ValueError, match="contains an id"):
                delete(id_)
        client.documents.delete("01a2072d-b1ba-76ce-b8cd-8db5ea1085b4")
    assert asked == ["/documents/01a2072d-b1ba-76ce-b8cd-8db5ea1085b4"]
