"""The members of a ZIP archive, including a truncated one, which lacks the directory at its end."""

from __future__ import annotations

import contextlib
import io
import re
import struct
import zipfile
import zlib

from svc.ingest.parsers.frequent_letters import likely_codec

_MOST_UNPACKED_BYTES = 256 * 2**20
_LOCAL, _CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
_END = b"PK\x05\x06"
_EMPTY_DIRECTORY = _END + bytes(18)
_NEXT = re.compile(rb"PK(?:\x03\x04|\x01\x02|\x07\x08)")
_MOST_FOUND = 20_000
_LOCAL_BYTES = 30
_ENCRYPTED, _SIZES_FOLLOW, _SAYS_UTF_8 = 0x1, 0x8, 0x800
_UNICODE_PATH = 0x7075  # an extra field of Info-ZIP
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
)


class Members:
    """The members of an archive in their order.

    `is_cut` says that the directory of the archive is missing, so that they were found one by one.
    """

    def __init__(self, data: bytes) -> None:
        """Open an archive.

        Raises:
            ValueError: there is no member.
        """
        self._data = data
        self.is_cut = False
        try:
            self._archive = _opened(data)
        except _DAMAGE:
            self.is_cut = True
            self._archive = zipfile.ZipFile(io.BytesIO(data + _EMPTY_DIRECTORY))
            self._archive.filelist = _found(data)
        self.infos = self._archive.infolist()
        if self.is_cut and not self.infos:
            raise ValueError("no member")
        self._codec = _codec_of_names(self.infos)

    def is_encrypted(self, member: zipfile.ZipInfo) -> bool:
        """Whether a password is needed."""
        return bool(member.flag_bits & _ENCRYPTED)

    def name(self, member: zipfile.ZipInfo) -> str:
        """The name of a member. Many programs write UTF-8, or the encoding of their country, and do not say so."""
        if unicode_path := _unicode_path(member):
            return unicode_path
        if not member.flag_bits & _SAYS_UTF_8:
            with contextlib.suppress(UnicodeError):
                written = member.filename.encode("cp437")
                with contextlib.suppress(UnicodeError):
                    return written.decode("utf-8")
                return written.decode(self._codec)
        return member.filename

    def read(self, member: zipfile.ZipInfo) -> tuple[bytes, bool] | None:
        """The content of a member, and whether it is complete; None if none of it can be read."""
        try:
            return self._archive.read(member), True
        except _DAMAGE:
            pass
        if self.is_encrypted(member):
            return None
        try:
            beginning = self._beginning(member)
        except _DAMAGE:
            return None
        return (beginning, False) if beginning else None

    def _beginning(self, member: zipfile.ZipInfo) -> bytes:
        """The readable content before the damaged place."""
        start, _ = _content_at(self._data, member.header_offset)
        packed = self._data[start : start + member.compress_size]
        if member.compress_type == zipfile.ZIP_STORED:
            return packed
        if member.compress_type != zipfile.ZIP_DEFLATED:
            return b""
        return _inflated(memoryview(packed), member.file_size)[0]


def _opened(data: bytes) -> zipfile.ZipFile:
    """The archive by its directory, behind which there may be anything."""
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGE:
        end = data.rfind(_END)
        if end < 0:
            raise
        return zipfile.ZipFile(io.BytesIO(data[: end + len(_EMPTY_DIRECTORY)]))


def _inflated(packed: memoryview, most_bytes: int = _MOST_UNPACKED_BYTES) -> tuple[bytes, int]:
    """The inflated content up to the first damaged byte, and the number of bytes read."""
    inflater = zlib.decompressobj(-15)
    found: list[bytes] = []
    size = 0
    for at in range(0, len(packed), 4096):
        try:
            found.append(inflater.decompress(packed[at : at + 4096], most_bytes - size))
        except zlib.error:
            break
        size += len(found[-1])
        if inflater.eof:
            return b"".join(found), at + len(packed[at : at + 4096]) - len(inflater.unused_data)
        if size >= most_bytes:
            break
    return b"".join(found), len(packed)


def _found(data: bytes) -> list[zipfile.ZipInfo]:
    """The members that follow each other from the beginning of an archive without a directory."""
    found: dict[str, zipfile.ZipInfo] = {}
    at = data.find(_LOCAL)
    unpacked = 0
    while 0 <= at <= len(data) - _LOCAL_BYTES and unpacked < _MOST_UNPACKED_BYTES and len(found) < _MOST_FOUND:
        try:
            member, following = _member_at(data, at)
        except (struct.error, ValueError):
            break
        unpacked += member.file_size
        if not member.is_dir() and member.compress_size:
            found[member.filename] = member
        at = data.find(_LOCAL, following)
        if _CENTRAL in data[following : following + 4]:
            break
    return list(found.values())


def _member_at(data: bytes, at: int) -> tuple[zipfile.ZipInfo, int]:
    """The member whose header is at a place, and where it ends."""
    _, flags, method, _, _, crc, packed_bytes, unpacked_bytes = struct.unpack_from("<5H3L", data, at + 4)
    start, name = _content_at(data, at)
    member = zipfile.ZipInfo(name.decode("utf-8" if flags & _SAYS_UTF_8 else "cp437", "replace") or "file")
    member.orig_filename = name.decode("utf-8" if flags & _SAYS_UTF_8 else "cp437", "replace")
    member.header_offset, member.flag_bits, member.compress_type = at, flags, method
    member.extra = data[start - struct.unpack_from("<H", data, at + 28)[0] : start]
    if flags & _SIZES_FOLLOW or packed_bytes == 0xFFFF_FFFF:
        if method == zipfile.ZIP_DEFLATED:
            content, packed_bytes = _inflated(memoryview(data)[start:])
            crc, unpacked_bytes = zlib.crc32(content), len(content)
        else:
            following = _NEXT.search(data, start)
            packed_bytes = (following.start() if following else len(data)) - start
            crc, unpacked_bytes = zlib.crc32(data[start : start + packed_bytes]), packed_bytes
    member.CRC, member.compress_size, member.file_size = crc, packed_bytes, unpacked_bytes
    return member, start + packed_bytes


def _content_at(data: bytes, at: int) -> tuple[int, bytes]:
    """Where the content of the member begins whose header is at a place, and the bytes of its name."""
    name_bytes, extra_bytes = struct.unpack_from("<2H", data, at + 26)
    name_at = at + _LOCAL_BYTES
    return name_at + name_bytes + extra_bytes, data[name_at : name_at + name_bytes]


def _codec_of_names(infos: list[zipfile.ZipInfo]) -> str:
    """The encoding of the names that do not say theirs: all together have more letters than each."""
    written = "/".join(
        info.filename for info in infos if not info.flag_bits & _SAYS_UTF_8 and not info.filename.isascii()
    )
    try:
        return likely_codec(written.encode("cp437")) or "cp437"
    except UnicodeError:
        return "cp437"


def _unicode_path(member: zipfile.ZipInfo) -> str:
    """The name that an extra field has in UTF-8, if it belongs to the name in the header."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<2H", extra)
        if kind == _UNICODE_PATH and size > 5:
            with contextlib.suppress(UnicodeError):
                if struct.unpack_from("<L", extra, 5)[0] == zlib.crc32(member.orig_filename.encode("cp437")):
                    return extra[9 : 4 + size].decode("utf-8")
        extra = extra[4 + size :]
    return ""
