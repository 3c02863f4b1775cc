"""The files that are attached to mails, whatever the format of the mail."""

from __future__ import annotations

import re

from svc.errors import CabinetError
from svc.ingest.document import Writer
from svc.ingest.file_types import detect_file_type
from svc.ingest.parsers import recognition
from svc.ingest.parsers.characters import clean_text
from svc.ingest.parsers.inner import write_inner

MOST_PARTS = 500
"""The attachments of one mail that are read."""

DEEPEST_MAIL = 2
"""How many mails a mail may be inside of."""


def write_attached(name: str, data: bytes, writer: Writer, depth: int) -> bool:
    """Write an attached file below its name, and return whether it could be read. The mail is `depth` mails deep."""
    from svc.ingest.parsers.mail import write_mail_file  # noqa: PLC0415 - it imports this module

    try:
        is_mail = detect_file_type(name, data, images=recognition.is_on()) == "mail"
    except CabinetError:  # a type that cannot be read, or an empty file
        return False
    return write_mail_file(name, data, writer, depth) if is_mail else write_inner(name, data, writer)


def shown_name(name: str) -> str:
    """Return the name of an attachment without folders."""
    shown = " ".join(clean_text(name).split())
    return re.split(r"[/\\]", shown)[-1][:100] or "attachment"
