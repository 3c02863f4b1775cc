"""The client of one service."""

from __future__ import annotations

import asyncio
import os
from asyncio import to_thread
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

import httpx
import msgspec

from cabinet_client import bodies, models, retries
from cabinet_client._async.accounts import AsyncKeys, AsyncPlans, AsyncUsers
from cabinet_client._async.collections import AsyncCollections
from cabinet_client._async.conversations import AsyncConversations
from cabinet_client._async.documents import AsyncDocuments
from cabinet_client._async.pages import AsyncPages
from cabinet_client.bodies import Id
from cabinet_client.connections import authorization, checked_url, checked_value, reason_of
from cabinet_client.errors import NoAnswerError, UnexpectedAnswerError, answer_error
from cabinet_client.events import Listener, RetryEvent, UploadEvent
from cabinet_client.files import files_of
from cabinet_client.paths import checked_path

T = TypeVar("T")
_DEFAULT_URL = "http://127.0.0.1:8080"
_NDJSON = "application/x-ndjson"


class AsyncCabinet:
    """A client of one service, with one key.

    `url` and `key` default to the environment's CABINET_URL and CABINET_KEY. `user` is the id, or the external id, of
    the user for whom the admin's key acts. A request that fails temporarily is retried up to `retries` times, unless it
    could take effect twice. `on_event` receives each retry.

    Raises:
        ValueError: `url` is not a URL, or `key` or `user` contains a line break.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        user: Id | None = None,
        timeout_s: float = 60.0,
        retries: int = 4,
        most_wait_s: float = 60.0,
        on_event: Listener | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.url = checked_url(url or os.environ.get("CABINET_URL") or _DEFAULT_URL)
        self._key = key or os.environ.get("CABINET_KEY")
        self._headers = authorization(self._key)
        self._retries, self._most_wait_s, self._on_event = retries, most_wait_s, on_event
        self._owns_http = http_client is None
        self._http = http_client or httpx.AsyncClient(timeout=timeout_s)
        self.act_for(user)
        self.users = AsyncUsers(self)
        self.keys = AsyncKeys(self)
        self.plans = AsyncPlans(self)
        self.documents = AsyncDocuments(self)
        self.collections = AsyncCollections(self)
        self.conversations = AsyncConversations(self)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections, unless the caller provided them."""
        if self._owns_http:
            await self._http.aclose()

    @property
    def acts_for(self) -> str | None:
        """The user for whom the admin's key acts."""
        user = self._headers.get(b"Cabinet-User")
        return None if user is None else user.decode()

    def act_for(self, user: Id | None) -> None:
        """From now on, act for this user, or for none; for the admin's key."""
        self._headers.pop(b"Cabinet-User", None)
        if user is not None:
            # httpx would refuse text beyond ASCII.
            self._headers[b"Cabinet-User"] = checked_value(str(user), "user").encode()

    def for_user(self, user: Id) -> AsyncCabinet:
        """A client with the admin's key that acts for one user; it uses this client's connections."""
        return AsyncCabinet(
            self.url,
            self._key,
            user=user,
            retries=self._retries,
            most_wait_s=self._most_wait_s,
            on_event=self._on_event,
            http_client=self._http,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        returns: type[T],
        body: Any = None,
        is_safe: bool = False,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> T:
        """Send a request and decode its answer.

        `is_safe`: a POST or PATCH may be sent twice; other methods always may.

        Raises:
            AnswerError: the service answered with an error, even after the retries.
            NoAnswerError: there was no answer, even after the retries.
            UnexpectedAnswerError: the answer does not come from this service.
            ValueError: an id in the path is invalid, and would change the path.
        """
        url = self.url + checked_path(path)
        sent = {**self._headers, **{name.encode(): value.encode() for name, value in (headers or {}).items()}}
        if body is not None:
            options["content"] = msgspec.json.encode(body)
            sent[b"Content-Type"] = b"application/json"
        is_safe = is_safe or method in {"GET", "PUT", "DELETE"} or b"Idempotency-Key" in sent
        attempt = 0
        while True:
            asked_s = None
            try:
                answer = await self._http.request(method, url, headers=sent, **options)
                if answer.is_success:
                    return self._decoded(answer.content, returns, f"{method} {path}")
                asked_s = retries.retry_after_s(answer.headers.get("retry-after"))
                failure: int | httpx.TransportError = answer.status_code
                error: Exception = answer_error(
                    answer.status_code, answer.content, asked_s, answer.headers.get("location")
                )
            except httpx.TransportError as lost:
                failure, error = lost, self._no_answer(f"{method} {path}", lost)
            except httpx.DecodingError:
                raise self._unexpected(f"{method} {path}") from None
            delay_s = retries.delay_s(attempt, asked_s)
            if attempt >= self._retries or not retries.is_repeatable(failure, is_safe) or delay_s > self._most_wait_s:
                raise error
            attempt += 1
            if self._on_event is not None:
                reason = str(failure) if isinstance(failure, int) else type(failure).__name__
                self._on_event(RetryEvent(method, path, attempt, delay_s, reason))
            await asyncio.sleep(delay_s)

    def _decoded(self, content: bytes, returns: type[T], request: str) -> T:
        """An answer's body, decoded as a `returns`."""
        if returns is bytes:
            return content  # type: ignore[return-value]
        if returns is type(None):
            return None
        try:
            return msgspec.json.decode(content, type=returns)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._unexpected(request) from None

    def _no_answer(self, request: str, lost: Exception) -> NoAnswerError:
        return NoAnswerError(f"{request}: {reason_of(lost)} ({self.url})")

    def _unexpected(self, request: str) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(f"{request}: the service at {self.url} is not Cabinet; check the URL")

    async def me(self) -> models.Me:
        """The user of the key, and the only collection that the key can access, if it is limited to one."""
        return await self.request("GET", "/me", returns=models.Me)

    async def preferences(self) -> dict[str, Any]:
        """The preferences of the user."""
        return await self.request("GET", "/me/preferences", returns=dict[str, Any])

    async def patch_preferences(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change the preferences by a JSON merge patch (RFC 7396)."""
        return await self.request("PATCH", "/me/preferences", body=patch, is_safe=True, returns=dict[str, Any])

    async def quotas(self) -> models.Quotas:
        """The used and allowed amounts of the plan."""
        return await self.request("GET", "/me/quotas", returns=models.Quotas)

    async def usage(self, *, by: str = "day", **days: Unpack[bodies.Days]) -> models.Usage:
        """The usage of the user, by day or by month."""
        return await self.request("GET", "/usage", params={"by": by, **_days(days)}, returns=models.Usage)

    def usage_by_user(self, *, sort: str = "tokens", **days: Unpack[bodies.Days]) -> AsyncPages[models.UserUsage]:
        """The usage of each user, largest first; for the admin."""
        return AsyncPages(self, "/usage/users", {"sort": sort, **_days(days)}, models.UserUsage)

    async def export(self, path: str | Path) -> None:
        """Write all data of the user to a file, as NDJSON.

        Raises:
            AnswerError: the service refused.
            NoAnswerError: the connection broke; the file is incomplete.
            UnexpectedAnswerError: the answer does not come from this service.
        """
        target = Path(path)
        try:
            async with self._http.stream("GET", self.url + "/me/export", headers=self._headers) as answer:
                if not answer.is_success:
                    location = answer.headers.get("location")
                    raise answer_error(answer.status_code, await answer.aread(), None, location)
                if not answer.headers.get("content-type", "").startswith(_NDJSON):
                    raise self._unexpected("GET /me/export")
                file = await to_thread(target.open, "wb")
                try:
                    async for part in answer.aiter_bytes():
                        await to_thread(file.write, part)
                finally:
                    await to_thread(file.close)
        except httpx.TransportError as lost:
            raise self._no_answer("GET /me/export", lost) from lost
        except httpx.DecodingError:
            raise self._unexpected("GET /me/export") from None

    async def upload(
        self,
        *sources: str | Path,
        wait: bool = True,
        timeout_s: float = 600.0,
        progress: Listener | None = None,
        **options: Unpack[bodies.Upload],
    ) -> Sequence[models.Document]:
        """Upload files, and the files of folders; with `wait`, return when all of them can be searched.

        Files of a folder are named by their path below it. Hidden files, links to them, and links out of the folder are
        skipped.

        Raises:
            IngestionError: some of them could not be read.
            WaitTimeoutError: they are still being ingested after `timeout_s` seconds.
            FileNotFoundError: a source does not exist.
            FileChangedError: a file became shorter while it was sent.
        """
        files = await to_thread(files_of, sources)
        documents = []
        for number, (path, name) in enumerate(files, start=1):
            documents.append(await self.documents.create(name, path, **options))
            if progress is not None:
                progress(UploadEvent(path, documents[-1], number, len(files)))
        return await self.documents.wait(documents, timeout_s, progress) if wait else documents

    async def search(self, query: str | None = None, **options: Unpack[bodies.Search]) -> list[models.Result]:
        """The chunks nearest to a query, best first."""
        return (await self.search_response(query, **options)).results

    async def search_response(
        self, query: str | None = None, *, explain: bool = False, **options: Unpack[bodies.Search]
    ) -> models.SearchResponse:
        """Like `search`, but returns the whole answer; `explain` adds the plan, for the admin's key."""
        body = {"query": query, **options} if query is not None else options
        params = {"explain": "true"} if explain else {}
        return await self.request(
            "POST", "/search", body=body, params=params, is_safe=True, returns=models.SearchResponse
        )


def _days(days: bodies.Days) -> dict[str, str]:
    return {name: day.isoformat() for name, day in (("from", days.get("from_")), ("to", days.get("to"))) if day}
