"""API keys: generating, hashing and checking them, and loading the admin key.

A key is `cab_`, 43 characters for 256 random bits, and 6 characters for a checksum: the CRC-32 of the preceding
characters, in base 62. A mistyped or truncated key is therefore refused without a statement. Keys of version 0.1.0 have
no checksum, are therefore 6 characters shorter, and stay valid.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from pathlib import Path

from svc.errors import StartupError
from svc.settings.groups import AccessSettings

KEY_PREFIX = "cab_"
_SECRET_CHARACTERS = 43
_CHECK_CHARACTERS = 6
_BASE_62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM = re.compile(rf"cab_[A-Za-z0-9_-]{{{_SECRET_CHARACTERS}}}([A-Za-z0-9]{{{_CHECK_CHARACTERS}}})?", re.ASCII)
# Enough to recognise a key in a list, and too few to guess it.
_SHOWN_CHARACTERS = 12
_ADMIN_KEY_FILE = "admin.key"


@dataclass(frozen=True)
class NewKey:
    """A new key: `key` is shown once, `prefix` and `key_hash` (SHA-256) are stored."""

    key: str
    prefix: str
    key_hash: bytes


def generate_key() -> NewKey:
    """Generate a random API key of 256 bits, with a checksum."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = secret + _checksum(secret)
    return NewKey(key, key[:_SHOWN_CHARACTERS], hash_key(key))


def can_be_key(text: str) -> bool:
    """Whether a text has the form of an API key, and its checksum, if any, is correct."""
    match = _FORM.fullmatch(text)
    return match is not None and (match[1] is None or match[1] == _checksum(text[:-_CHECK_CHARACTERS]))


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK_CHARACTERS):
        number, digit = divmod(number, len(_BASE_62))
        digits = _BASE_62[digit] + digits
    return digits


def hash_key(key: str) -> bytes:
    """Return the SHA-256 of a key. A slow hash would add no protection, since keys are random."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def load_admin_key(settings: AccessSettings) -> str:
    """Return the admin key from the setting, or else from a file in the data folder, which is created (mode 0600).

    Raises:
        StartupError: other users can read the file, or it cannot be read or created.
    """
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    file = settings.data_dir.expanduser() / _ADMIN_KEY_FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return _make_admin_key(file)
    except FileExistsError:
        if file.stat().st_mode & 0o077:
            raise StartupError(f"{file} can be read by other users; run: chmod 600 {file}") from None
        return file.read_text().strip()
    except OSError as error:
        raise StartupError(f"The admin key {file} cannot be used: {error.strerror}") from error


def _make_admin_key(file: Path) -> str:
    key = "cab_admin_" + secrets.token_urlsafe(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(key + "\n")
    return key
