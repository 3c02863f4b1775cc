"""Keys, and the cache of checked keys. `tests/routes/test_keys.py` tests the routes."""

from __future__ import annotations

import asyncio
import base64
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from svc.access import authenticator as auth
from svc.access.authenticator import Authenticator, Principal
from svc.access.keys import NewKey, can_be_key, generate_key, hash_key, load_admin_key
from svc.access.quotas import Quota
from svc.database.by_name import UntypedRow
from svc.database.queries import Database
from svc.database.statistics import collect_statistics
from svc.errors import CabinetError, ForbiddenError, NotFoundError, StartupError, UnauthenticatedError
from svc.tenants.erase import erase_user
from tests.conftest import ADMIN_KEY, test_settings

# --- making keys


def test_a_key_is_256_random_bits() -> None:
    keys = [generate_key() for _ in range(100)]
    assert len({key.key for key in keys}) == len({key.prefix for key in keys}) == 100
    for key in keys:
        assert key.key.startswith("cab_")
        assert key.key.startswith(key.prefix)
        secret = key.key.removeprefix("cab_")[:-6]
        assert len(base64.urlsafe_b64decode(secret + "=")) == 32
        assert len(key.prefix) <= len(key.key) - 32, "the visible part must not help to guess the rest"
        assert key.key_hash == hash_key(key.key)
        assert len(key.key_hash) == 32


def test_any_header_can_be_hashed() -> None:
    """Headers are arbitrary bytes; a surrogate represents a byte that is not UTF-8."""
    assert len({hash_key(key) for key in ("", "ä", "\udcff", "\xff", "key", "kez")}) == 6


def test_a_mistyped_or_truncated_key_cannot_be_a_key() -> None:
    key = generate_key().key
    assert can_be_key(key)
    for place, character in enumerate(key):
        assert not can_be_key(key[:place] + ("a" if character != "a" else "b") + key[place + 1 :])
        assert not can_be_key(key[:place] + key[place + 1 :])
    assert not any(can_be_key(text) for text in ("", "cab_", key + "a", f" {key}", f"{key}\n", key.upper()))


def test_a_key_without_a_checksum_is_one_of_the_first_release() -> None:
    assert can_be_key("cab_" + secrets.token_urlsafe(32))


# --- the admin key


def test_the_admin_key_is_created_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    settings = test_settings(admin_key=None, data_dir=tmp_path / "new" / "folder")
    key = load_admin_key(settings)
    file = tmp_path / "new" / "folder" / "admin.key"
    assert len(key) > 40
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_admin_key(settings) == key
    assert file.read_text().strip() == key


def test_the_admin_key_can_be_a_setting(tmp_path: Path) -> None:
    settings = test_settings(admin_key="sixteen letters!", data_dir=tmp_path)
    assert load_admin_key(settings) == "sixteen letters!"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o700 | 0o010])
def test_an_admin_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    settings = test_settings(admin_key=None, data_dir=tmp_path)
    key = load_admin_key(settings)
    file = tmp_path / "admin.key"
    file.chmod(mode)
    with pytest.raises(StartupError, match="chmod 600") as refused:
        load_admin_key(settings)
    assert key not in refused.value.detail
    file.chmod(0o600)
    assert load_admin_key(settings) == key


def test_an_impossible_data_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=r"admin\.key"):
        load_admin_key(test_settings(admin_key=None, data_dir=tmp_path / "file" / "folder"))


# --- the cache


@dataclass
class Known:
    """A user with one key in the database, and an authenticator."""

    database: Database
    checking: Authenticator
    user_id: UUID
    key_id: UUID
    key: NewKey

    async def check(self, key: str | None = None, acting_for: str | None = None) -> tuple[Principal, int]:
        """The principal of a key (None: the user's own), and the number of statements."""
        with collect_statistics() as statistics:
            principal = await self.checking.authenticate(f"Bearer {key or self.key.key}", acting_for)
        return principal, statistics.count


class PausedDatabase(Database):
    """The real query module, whose answers are held back until they are released."""

    def __init__(self, real: Database) -> None:
        super().__init__(real.statements, real.pool)
        self.read, self.let_go = asyncio.Event(), asyncio.Event()

    async def one_by_name(self, name: str, arguments: Mapping[str, Any]) -> UntypedRow | None:
        row = await super().one_by_name(name, arguments)
        self.read.set()
        await self.let_go.wait()
        return row


async def new_key(database: Database, user_id: UUID) -> tuple[UUID, NewKey]:
    key = generate_key()
    row = await database.one(
        "keys/create",
        user_id=user_id,
        name=None,
        prefix=key.prefix,
        key_hash=key.key_hash,
        expires_at=None,
        scopes=["read", "write"],
    )
    assert row is not None
    return row.id, key


async def known(database: Database, cache_s: float = 60) -> Known:
    first = generate_key()
    row = await database.one(
        "users/create",
        email="ada@example.com",
        name=None,
        plan="free",
        preferences={},
        external_id=None,
        key_prefix=first.prefix,
        key_hash=first.key_hash,
    )
    assert row is not None
    key_id, key = await new_key(database, row.id)
    return Known(database, authenticator(database, cache_s), row.id, key_id, key)


def authenticator(database: Database, cache_s: float = 60) -> Authenticator:
    return Authenticator(database, test_settings(key_cache_s=cache_s), ADMIN_KEY)


async def test_a_checked_key_is_looked_up_once(database: Database) -> None:
    ada = await known(database)
    checked = [await ada.check() for _ in range(3)]
    expected = Principal(False, ada.user_id, ada.key_id, tokens=Quota("tokens", 0, 10_000_000), requests_per_minute=600)
    assert [principal for principal, _ in checked] == [expected] * 3
    assert [count for _, count in checked] == [1, 0, 0]


async def test_without_a_cache_every_key_is_looked_up(database: Database) -> None:
    ada = await known(database, cache_s=0)
    assert [(await ada.check())[1] for _ in range(3)] == [1, 1, 1]


async def test_a_wrong_key_is_never_cached(database: Database) -> None:
    ada = await known(database)
    later = generate_key()
    for _ in range(2):
        with pytest.raises(UnauthenticatedError):
            await ada.check(later.key)
    await database.one(
        "keys/create",
        user_id=ada.user_id,
        name=None,
        prefix=later.prefix,
        key_hash=later.key_hash,
        expires_at=None,
        scopes=["read", "write"],
    )
    assert (await ada.check(later.key))[0].user_id == ada.user_id


async def test_forgetting_one_key_keeps_the_others(database: Database) -> None:
    ada = await known(database)
    await ada.check()
    ada.checking.forget(ada.user_id, uuid4())
    ada.checking.forget(uuid4())
    assert (await ada.check())[1] == 0
    for key_id in (ada.key_id, None):
        ada.checking.forget(ada.user_id, key_id)
        assert (await ada.check())[1] == 1


@pytest.mark.parametrize("by", ["key", "admin"])
async def test_a_key_revoked_during_its_lookup_is_not_cached(database: Database, by: str) -> None:
    """The statement has read the key. Before its answer arrives, the key is revoked and forgotten."""
    ada = await known(database)
    paused = PausedDatabase(database)
    checking = authenticator(paused)
    headers = (f"Bearer {ada.key.key}", None) if by == "key" else (f"Bearer {ADMIN_KEY}", str(ada.user_id))
    under_way = asyncio.create_task(checking.authenticate(*headers))
    await paused.read.wait()
    if by == "key":
        await database.exec("keys/revoke", user_id=ada.user_id, key_id=ada.key_id, max_revoked=100)
        checking.forget(ada.user_id, ada.key_id)
    else:
        await erase_user(database, ada.user_id)
        checking.forget(ada.user_id)
    paused.let_go.set()
    await under_way  # The lookup began before the key was revoked.
    with pytest.raises(UnauthenticatedError if by == "key" else NotFoundError):
        await checking.authenticate(*headers)


async def test_the_cache_has_a_limited_size(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_MAX_CACHED", 3)
    ada = await known(database)
    keys = [(await new_key(database, ada.user_id))[1].key for _ in range(6)]
    assert [(await ada.check(key))[1] for key in keys] == [1] * 6
    assert len(ada.checking._cache) == 3
    assert [(await ada.check(key))[1] for key in keys[3:]] == [0, 0, 0], "the newest are kept"


async def test_the_admin_acts_for_one_user_or_none(database: Database) -> None:
    ada = await known(database)
    nobody, count = await ada.check(ADMIN_KEY)
    assert (nobody.is_admin, nobody.user_id, count) == (True, None, 0)
    with pytest.raises(ForbiddenError):
        _ = nobody.tenant
    for statements in (1, 0):
        acting, count = await ada.check(ADMIN_KEY, str(ada.user_id))
        assert (acting.is_admin, acting.tenant, count) == (True, ada.user_id, statements)
    # The cached user for whom the admin acts is not a key.
    with pytest.raises(UnauthenticatedError):
        await ada.check(str(ada.user_id))


async def test_the_size_of_the_tenant_comes_with_the_key(database: Database) -> None:
    ada = await known(database, cache_s=0)
    await database.exec("ingest/finish", user_id=ada.user_id, chunk_count=7, token_count=0, earlier_chunks=0)
    await database.exec("indexes/mark", user_id=ada.user_id, has_index=True)
    for principal in ((await ada.check())[0], (await ada.check(ADMIN_KEY, str(ada.user_id)))[0]):
        assert (principal.chunk_count, principal.has_index) == (7, True)


# --- failed logins


async def refused(ada: Known, key: str, address: str = "192.0.2.1") -> tuple[str, int]:
    """The error for a key, and the number of statements."""
    with collect_statistics() as statistics, pytest.raises(CabinetError) as caught:
        await ada.checking.authenticate(f"Bearer {key}", None, address)
    return type(caught.value).__name__, statistics.count


async def test_a_mistyped_key_costs_no_statement(database: Database) -> None:
    ada = await known(database)
    for _ in range(200):
        assert await refused(ada, ada.key.key[:-1]) == ("UnauthenticatedError", 0)


async def test_a_key_without_a_checksum_is_accepted(database: Database) -> None:
    ada = await known(database)
    key = "cab_" + secrets.token_urlsafe(32)
    await database.one(
        "keys/create",
        user_id=ada.user_id,
        name=None,
        prefix="cab_old",
        key_hash=hash_key(key),
        expires_at=None,
        scopes=["read", "write"],
    )
    assert (await ada.check(key))[0].user_id == ada.user_id


async def test_unknown_keys_are_slowed_by_address_without_a_statement(database: Database) -> None:
    ada = await known(database, cache_s=0)
    await ada.checking.authenticate(f"Bearer {ada.key.key}", None, "192.0.2.1")

    statements = [(await refused(ada, generate_key().key))[1] for _ in range(200)]

    assert 50 <= sum(statements) < 100
    error, count = await refused(ada, generate_key().key)
    assert (error, count) == ("TooManyLoginsError", 0)
    # A recently valid key is accepted from this address, and an unknown key is looked up from other addresses.
    assert (await ada.checking.authenticate(f"Bearer {ada.key.key}", None, "192.0.2.1")).user_id == ada.user_id
    assert await refused(ada, generate_key().key, "192.0.2.2") == ("UnauthenticatedError", 1)
