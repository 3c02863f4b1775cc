"""The targets of links, unless the text of a link shows them."""

from __future__ import annotations

import re

from svc.ingest.parsers.link_marks import marked

_MOST_CHARACTERS = 500
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_NOT_KEPT = frozenset(("javascript", "vbscript", "data", "about", "blob", "cid", "mid"))
_NOT_SHOWN = re.compile(r"[\s\u200b\u200c\u200d\u00ad]+")


class Addresses:
    """The addresses of one document, each only at its first occurrence. `given` has the text of each link."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        self.too_long = 0

    def beside(self, words: str, target: str | None, *, is_relative_kept: bool = False) -> str:
        """Return the address to write after the text of a link; empty if there is none to write.

        Links within the document, scripts and embedded data do not count. A relative one is kept if
        `is_relative_kept`: those of a page lead to its neighbours, whose place the file does not say.
        """
        address = _NOT_SHOWN.sub("", target or "")
        scheme = _SCHEME.match(address)
        if not address or address.startswith("#") or (scheme and scheme.group(1).lower() in _NOT_KEPT):
            return ""
        if not (scheme or is_relative_kept or address.startswith("//")):
            return ""
        if len(address) > _MOST_CHARACTERS:
            self.too_long += 1
            return ""
        if address in self.given or is_shown(address, words):
            return ""
        self.given[address] = " ".join(words.split())
        return address

    def warnings(self) -> list[str]:
        """Warn about omitted addresses."""
        if not self.too_long:
            return []
        what = "1 address of a link was" if self.too_long == 1 else f"{self.too_long} addresses of links were"
        return [f"{what} omitted: the limit is {_MOST_CHARACTERS} characters."]


def with_address(words: str, address: str) -> str:
    """The words of a link with its address, if any, marked for the writer of the document."""
    if not address or not words.strip():
        return address or words
    return f"{words.rstrip()}{marked(address)}{words[len(words.rstrip()) :]}"


def is_shown(address: str, text: str) -> bool:
    """Whether a text contains an address in the form that people write."""
    bare = _bare(address)
    return not bare or bare in _NOT_SHOWN.sub("", text).lower()


def _bare(address: str) -> str:
    """The part of an address that people write."""
    scheme, colon, rest = address.lower().partition(":")
    if scheme == "mailto":
        return rest.partition("?")[0]
    return (rest if colon else scheme).strip("/").removeprefix("www.")
