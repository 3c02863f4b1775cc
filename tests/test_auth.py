"""Keys, and the cache of those that were checked. What a caller sees of it is in `tests/routes/test_keys.py`."""

from __future__ import annotations

import asyncio
import base64
import stat
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from svc import auth
from svc.auth import Authenticator, NewKey, Principal, generate_key, hash_key, load_admin_key
from svc.database.queries import Database, Row
from svc.errors import ForbiddenError, NotFoundError, StartupError, UnauthenticatedError
from tests.conftest import ADMIN_KEY, test_settings

# --- making keys


def test_a_key_is_256_random_bits() -> None:
    keys = [generate_key() for _ in range(100)]
    assert len({key.key for key in keys}) == len({key.prefix for key in keys}) == 100
    for key in keys:
        assert key.key.startswith("cab_")
        assert key.key.startswith(key.prefix)
        secret = key.key.removeprefix("cab_")
        assert len(base64.urlsafe_b64decode(secret + "=")) == 32
        assert len(key.prefix) <= len(key.key) - 32, "what is shown must not help to guess the rest"
        assert key.key_hash == hash_key(key.key)
        assert len(key.key_hash) == 32


def test_any_header_can_be_hashed() -> None:
    """Headers are bytes, whatever they hold; a surrogate stands for one that is no UTF-8."""
    assert len({hash_key(key) for key in ("", "ä", "\udcff", "\xff", "key", "kez")}) == 6


# --- the admin's key


def test_the_admins_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    settings = test_settings(admin_key=None, data_dir=tmp_path / "new" / "folder")
    key = load_admin_key(settings)
    file = tmp_path / "new" / "folder" / "admin.key"
    assert len(key) > 40
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_admin_key(settings) == key
    assert file.read_text().strip() == key


def test_the_admins_key_may_be_a_setting(tmp_path: Path) -> None:
    settings = test_settings(admin_key="sixteen letters!", data_dir=tmp_path)
    assert load_admin_key(settings) == "sixteen letters!"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o700 | 0o010])
def test_an_admins_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    settings = test_settings(admin_key=None, data_dir=tmp_path)
    key = load_admin_key(settings)
    file = tmp_path / "admin.key"
    file.chmod(mode)
    with pytest.raises(StartupError, match="chmod 600") as refused:
        load_admin_key(settings)
    assert key not in refused.value.detail
    file.chmod(0o600)
    assert load_admin_key(settings) == key


def test_a_data_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=r"admin\.key"):
        load_admin_key(test_settings(admin_key=None, data_dir=tmp_path / "file" / "folder"))


# --- the cache


class OneKey:
    """A database that knows one key and one user, counts its statements, and waits in them when told to."""

    def __init__(self) -> None:
        self.key: NewKey = generate_key()
        self.user_id, self.key_id = uuid4(), uuid4()
        self.is_good = True
        self.count = 0
        self.read = asyncio.Event()
        self.answered = asyncio.Event()
        self.answered.set()

    async def one(self, _name: str, /, **arguments: Any) -> Row | None:
        self.count += 1
        found = self.is_good and self._is_known(**arguments)
        self.read.set()
        await self.answered.wait()
        if not found:
            return None
        return {"user_id": self.user_id, "key_id": self.key_id, "expires_at": None, "vector_count": 7}

    def _is_known(self, key_hash: bytes = b"", user_id: UUID | None = None) -> bool:
        return key_hash == self.key.key_hash or user_id == self.user_id


def authenticator(database: OneKey, cache_s: float = 60) -> Authenticator:
    return Authenticator(cast(Database, database), test_settings(key_cache_s=cache_s), ADMIN_KEY)


async def test_a_checked_key_is_looked_up_once() -> None:
    database = OneKey()
    checking = authenticator(database)
    bearer = f"Bearer {database.key.key}"
    principals = [await checking.authenticate(bearer, None) for _ in range(3)]
    assert principals == [Principal(False, database.user_id, database.key_id, 7)] * 3
    assert database.count == 1


async def test_without_a_cache_every_key_is_looked_up() -> None:
    database = OneKey()
    checking = authenticator(database, cache_s=0)
    for _ in range(3):
        await checking.authenticate(f"Bearer {database.key.key}", None)
    assert database.count == 3


async def test_a_wrong_key_is_never_remembered() -> None:
    database = OneKey()
    checking = authenticator(database)
    for _ in range(2):
        with pytest.raises(UnauthenticatedError):
            await checking.authenticate("Bearer wrong", None)
    database.is_good = False
    with pytest.raises(UnauthenticatedError):
        await checking.authenticate(f"Bearer {database.key.key}", None)
    database.is_good = True
    assert (await checking.authenticate(f"Bearer {database.key.key}", None)).user_id == database.user_id


async def test_forgetting_one_key_keeps_the_others() -> None:
    database = OneKey()
    checking = authenticator(database)
    bearer = f"Bearer {database.key.key}"
    await checking.authenticate(bearer, None)
    checking.forget(database.user_id, uuid4())
    checking.forget(uuid4())
    await checking.authenticate(bearer, None)
    assert database.count == 1
    for forgotten in ((database.user_id, database.key_id), (database.user_id, None)):
        checking.forget(*forgotten)
        before = database.count
        await checking.authenticate(bearer, None)
        assert database.count == before + 1


@pytest.mark.parametrize("by", ["key", "admin"])
async def test_a_key_revoked_while_it_is_looked_up_is_not_remembered(by: str) -> None:
    """The statement has read the key, and before its answer is here the key is revoked and forgotten."""
    database = OneKey()
    checking = authenticator(database)
    headers = (f"Bearer {database.key.key}", None) if by == "key" else (f"Bearer {ADMIN_KEY}", str(database.user_id))
    database.answered.clear()
    under_way = asyncio.create_task(checking.authenticate(*headers))
    await database.read.wait()
    database.is_good = False
    checking.forget(database.user_id, database.key_id if by == "key" else None)
    database.answered.set()
    await under_way  # it was asked for before the key was revoked
    with pytest.raises(UnauthenticatedError if by == "key" else NotFoundError):
        await checking.authenticate(*headers)


async def test_the_cache_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_MAX_CACHED", 3)
    database = OneKey()
    checking = authenticator(database)
    for _ in range(10):
        database.key = generate_key()
        await checking.authenticate(f"Bearer {database.key.key}", None)
    assert len(checking._cache) == 3
    assert database.count == 10
    await checking.authenticate(f"Bearer {database.key.key}", None)
    assert database.count == 10, "the newest are kept"


async def test_the_admin_acts_for_nobody_or_for_one_user() -> None:
    database = OneKey()
    checking = authenticator(database)
    nobody = await checking.authenticate(f"Bearer {ADMIN_KEY}", None)
    assert (nobody.is_admin, nobody.user_id, database.count) == (True, None, 0)
    with pytest.raises(ForbiddenError):
        _ = nobody.tenant
    for _ in range(2):
        acting = await checking.authenticate(f"Bearer {ADMIN_KEY}", str(database.user_id))
        assert (acting.is_admin, acting.tenant, acting.vector_count) == (True, database.user_id, 7)
    assert database.count == 1
    # What is remembered of the admin's acting for a user is not a key.
    with pytest.raises(UnauthenticatedError):
        await checking.authenticate(f"Bearer {database.user_id}", None)
