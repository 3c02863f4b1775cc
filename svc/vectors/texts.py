"""The texts that represent a chunk and a message in searches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# The keys of a message's metadata whose values name the speaker and the time.
_SPEAKER_OR_DATE = re.compile("speaker|author|sender|name|date|time|day|when", re.IGNORECASE)
_MOST_VALUES = 10
_LONGEST_VALUE = 100


def indexed_text(content: str, metadata: dict[str, Any]) -> str:
    """The text of a chunk that is embedded, and indexed for keywords: the headings above it, and its content."""
    headings = metadata.get("heading")
    words = [each for each in headings if isinstance(each, str)] if isinstance(headings, list) else []
    above = [each for each in words if each not in content]
    return f"{' > '.join(above)}\n\n{content}" if above else content


def worded_message(content: str, name: str | None, created_at: datetime, metadata: Mapping[str, Any]) -> str:
    """The text of a message that is indexed for keywords: the speaker, the content, the metadata, and the date.

    A question names the speaker and the time, but a speaker says "I" and "yesterday". The vector uses only the content,
    since the same words in every message would make vectors less distinct.
    """
    return "\n".join([name or "", content, *metadata_words(metadata), _date(created_at)])


def metadata_words(metadata: Mapping[str, Any]) -> list[str]:
    """The short texts of a message's metadata that name the speaker and the time, such as that of the key `speaker`."""
    texts = [
        value
        for key, value in metadata.items()
        if isinstance(value, str) and len(value) <= _LONGEST_VALUE and _SPEAKER_OR_DATE.search(key)
    ]
    return texts[:_MOST_VALUES]


def _date(moment: datetime) -> str:
    """A date as people write it in English, whatever the locale: "Monday 8 May 2023"."""
    day = moment.astimezone(UTC)
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
