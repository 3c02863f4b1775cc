"""The ledger: the requests of the clients, and their outcomes.

A row is expected `least` to `most` times: once if it was acknowledged, never if it was refused or its deletion was
acknowledged, at most once if the answer is unknown. After an unknown answer a client leaves the row alone, since the
request may still take effect, unless it can be repeated with its Idempotency-Key.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from tests.campaigns.chaos.programs import Life

COUNTERS = ("requests", "searches", "uploads", "bytes", "messages")


@dataclass
class Told:
    """The expected number of a row's occurrences."""

    least: int = 0
    most: int = 1
    is_certain: bool = False
    """Whether every answer about the row is known, so that its client may continue to use it."""

    def acknowledged(self) -> None:
        """It exists."""
        self.least = self.most = 1
        self.is_certain = True

    def gone(self) -> None:
        """Record that it does not exist."""
        self.least = self.most = 0

    def unknown(self) -> None:
        """Record that it may exist or not."""
        self.least = 0
        self.is_certain = False


@dataclass
class Document(Told):
    """A document by its name, which is used once in a campaign; new versions have the same name.

    `owners` are the users of whom one has it, `held` all who have ever had it, `id` is the last that was told,
    `digests` are the SHA-256 of the texts that it may have. With metadata, all versions can be deleted by it.
    """

    name: str = ""
    owners: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    id: str = ""
    digests: set[str] = field(default_factory=set)
    versions: int = 1
    has_metadata: bool = True


@dataclass
class Conversation(Told):
    """A conversation that was created."""

    user: str = ""
    id: str = ""
    title: str = ""
    batches: list[Batch] = field(default_factory=list)


@dataclass
class Batch(Told):
    """Messages that were sent in one request."""

    contents: tuple[str, ...] = ()


@dataclass
class Member(Told):
    """A document in a collection. While an answer is pending, it may be in the collection or not."""

    document: Document = field(default_factory=Document)
    size: int | None = None
    """The tokens of a chunk of it in the collection, also of new versions; None: not known."""
    _is_size_uncertain: bool = False
    _before: tuple[int, int, bool] = (0, 0, True)
    _cancelled: int = 0

    def cancelled(self) -> None:
        """Its batch was cancelled, so that later versions of the document may not be in the collection, and another
        collection may change the chunks of this one, which nobody searches here."""
        self._cancelled = self.document.versions
        self.size = None

    def sized(self, size: int, *, is_certain: bool) -> None:
        """Record the size with which it was added. A request without an answer may take effect after later ones."""
        self._is_size_uncertain = self._is_size_uncertain or not is_certain
        self.size = None if self._is_size_uncertain else size

    def unknown_if_new(self) -> None:
        """Record that it is being added. If it is already there, it stays in any case."""
        self._before = self.least, self.most, self.is_certain
        self.most = 1
        self.is_certain = False

    def as_before(self) -> None:
        """Record that it was not added."""
        self.least, self.most, self.is_certain = self._before

    def is_there(self) -> bool:
        """Whether it certainly is in the collection: it was added, and its document is still the client's."""
        is_owned = self.document.is_certain and self.document.least == 1 and len(self.document.held) == 1
        is_carried_over = self._cancelled in (0, self.document.versions)
        return self.is_certain and self.least == 1 and is_owned and is_carried_over


@dataclass
class Collection(Told):
    """A collection by its name, which is used once in a campaign. An expiring one loses its files automatically."""

    user: str = ""
    id: str = ""
    name: str = ""
    is_expiring: bool = False
    members: dict[str, Member] = field(default_factory=dict)
    batches: list[str] = field(default_factory=list)

    def member(self, document: Document) -> Member:
        """The place of a document in the collection, which is not there unless it was added."""
        return self.members.setdefault(document.name, Member(most=0, is_certain=True, document=document))


@dataclass
class Use:
    """The usage that a request adds if it takes effect."""

    user: str
    answered_s: float
    life: Life | None
    is_certain: bool
    is_stored: bool | None
    adds: dict[str, int]


# The number of a user's rows in every table with users, so that a new table is not missed.
_TABLES_OF = """
create function pg_temp.tables_of(tenant uuid) returns setof text language plpgsql as $$
declare
    place record;
    is_there bool;
begin
    for place in
        select c.table_name, c.column_name
        from information_schema.columns as c
        inner join information_schema.tables as t using (table_schema, table_name)
        where c.table_schema = 'public' and t.table_type = 'BASE TABLE'
          and (c.column_name = 'user_id' or (c.table_name = 'users' and c.column_name = 'id'))
    loop
        execute format('select exists (select from %I where %I = $1)', place.table_name, place.column_name)
        into is_there using tenant;
        if is_there then
            return next place.table_name;
        end if;
    end loop;
end $$"""


def digest(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


class Ledger:
    """The outcomes of the requests of all clients."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.erased: set[str] = set()
        self.documents: dict[str, Document] = {}
        self.conversations: list[Conversation] = []
        self.collections: list[Collection] = []
        self.outcomes: Counter[str] = Counter()
        self._uses: list[Use] = []

    def use(self, user: str, life: Life | None, *, is_certain: bool, is_stored: bool | None, **adds: int) -> None:
        """Record the usage of a request for a user: whether that process certainly counted it, and `is_stored` (None:
        unknown)."""
        self._uses.append(Use(user, time.monotonic(), life, is_certain, is_stored, adds))

    def usage(self, user: str) -> dict[str, tuple[int, int]]:
        """The minimum and maximum counts of each kind.

        A process counts requests and searches in its memory and adds them to the database once a second, so those of
        a process that was killed are certain only until the last time that it was known to be able to.
        """
        least, most = Counter[str](), Counter[str]()
        for use in self._uses:
            if use.user != user:
                continue
            for name, count in use.adds.items():
                if name in ("requests", "searches"):
                    life = use.life
                    is_counted = use.is_certain and (
                        life is not None and (not life.is_lost or use.answered_s < life.counted_until_s)
                    )
                    most[name] += count
                    least[name] += count if is_counted else 0
                elif use.is_stored is not False:
                    most[name] += count
                    least[name] += count if use.is_stored else 0
        return {name: (least[name], most[name]) for name in COUNTERS}

    def forget(self, user: str) -> None:
        """Expect nothing more of a user who was only needed for a preparation."""
        self.documents = {name: each for name, each in self.documents.items() if user not in each.held}
        self.conversations = [each for each in self.conversations if each.user != user]
        self.collections = [each for each in self.collections if each.user != user]
        self._uses = [each for each in self._uses if each.user != user]

    async def write(self, connection: asyncpg.Connection) -> None:
        """Write the ledger into temporary tables, which the invariants read."""
        await _table(
            connection,
            "told_documents",
            "name text, document_ids uuid[], owners uuid[], least_rows int, most_rows int, is_certain bool, "
            "digests text[]",
            [
                (d.name, _ids([d.id] if d.id else []), _ids(d.owners), d.least, d.most, d.is_certain, sorted(d.digests))
                for d in self.documents.values()
            ],
        )
        await _table(
            connection,
            "told_conversations",
            "user_id uuid, conversation_id uuid, least_rows int, most_rows int",
            [(UUID(c.user), UUID(c.id), c.least, c.most) for c in self.conversations if c.id],
        )
        await _table(
            connection,
            "told_messages",
            "user_id uuid, conversation_id uuid, batch int, content text, least_rows int, most_rows int",
            list(self._messages()),
        )
        await _table(
            connection,
            "told_collections",
            "user_id uuid, collection_id uuid, name text, least_rows int, most_rows int, is_expiring bool",
            [
                (UUID(c.user), UUID(c.id) if c.id else None, c.name, c.least, c.most, c.is_expiring)
                for c in self.collections
            ],
        )
        await _table(
            connection,
            "told_members",
            "user_id uuid, collection_id uuid, name text, least_rows int, most_rows int, chunk_tokens int",
            [
                (UUID(c.user), UUID(c.id), name, min(int(m.is_there()), c.least), min(m.most, c.most), m.size)
                for c in self.collections
                for name, m in c.members.items()
            ],
        )
        await _table(
            connection,
            "told_batches",
            "user_id uuid, collection_id uuid, batch_id uuid",
            [(UUID(c.user), UUID(c.id), UUID(id_)) for c in self.collections if c.least for id_ in c.batches],
        )
        await connection.execute(_TABLES_OF)
        await _table(connection, "told_users", "user_id uuid", [(UUID(user),) for user in self.users - self.erased])
        await _table(connection, "told_erased", "user_id uuid", [(UUID(user),) for user in self.erased])
        await _table(
            connection,
            "told_usage",
            "user_id uuid, counter text, least int8, most int8",
            [
                (UUID(user), name, least, most)
                for user in self.users - self.erased
                for name, (least, most) in self.usage(user).items()
            ],
        )

    def _messages(self) -> Iterator[tuple[Any, ...]]:
        number = 0
        for each in self.conversations:
            for batch in each.batches:
                number += 1
                least, most = min(batch.least, each.least), min(batch.most, each.most)
                for content in batch.contents:
                    yield UUID(each.user), UUID(each.id), number, content, least, most


def _ids(texts: Iterable[str]) -> list[UUID]:
    return [UUID(text) for text in texts]


async def _table(connection: asyncpg.Connection, name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    await connection.execute(f"create temporary table {name} ({columns})")
    await connection.copy_records_to_table(name, records=rows)
