"""Subtitles (SRT and WebVTT): the spoken text, with the start time of each part."""

from __future__ import annotations

import re
from html import unescape

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text

_TIMES = re.compile(r"^[ \t]*((?:\d+:)?\d{1,2}:\d{2})[.,]\d{1,3}[ \t]*-->[^\n]*$", re.MULTILINE)
# Layer, start, end, style, name, three margins and effect precede the words.
_DIALOGUE = re.compile(r"^Dialogue:[^,\n]*,[ ]*([\d:.]+)[ ]*,[ ]*([\d:.]+)[ ]*,(?:[^,\n]*,){6}([^\n]*)$", re.MULTILINE)
_MARKS = re.compile(r"</?[a-zA-Z0-9][^<>\n]{0,80}>|\{\\[^}\n]{0,200}\}")
_VOICE = re.compile(r"<v(?:\.[^ >]*)?[ \t]+([^>\n]{1,60})>")
_NOT_SAID = re.compile(r"\s*(?:NOTE|STYLE|REGION)(?:\s|$)")
_NUMBER_AT_END = re.compile(r"\n[ \t]*\d{1,6}[ \t]*$")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"”»)]?$")
_CUES_A_BLOCK = 12

SAMPLE = b"1\n00:00:01,000 --> 00:00:02,000\na\n"


def parse(data: bytes) -> ReadDocument:
    """Return the words, a paragraph for some sentences, each with the time at which it begins (`time`)."""
    text = _as_srt(clean_text(decode_text(data)))
    writer = Writer()
    times = list(_TIMES.finditer(text))
    waiting: list[str] = []
    begun = ""
    for number, found in enumerate(times):
        end = times[number + 1].start() if number + 1 < len(times) else len(text)
        words = _words(text[found.end() : end], is_last=number + 1 == len(times))
        if not words or (waiting and waiting[-1] == words):
            continue
        begun = begun or found.group(1)
        waiting.append(words)
        if len(waiting) >= _CUES_A_BLOCK and _SENTENCE_END.search(words):
            _write(waiting, begun, writer)
            begun = ""
    _write(waiting, begun, writer)
    if not times:
        writer.add("text", text)
        writer.warn("The file has no subtitle times; it was read as plain text.")
    return writer.document()


def _as_srt(text: str) -> str:
    """The text of the format of SubStation Alpha as SRT, in the order of its times; another text as it is."""
    lines = _DIALOGUE.findall(text)
    if not lines or _TIMES.search(text):
        return text
    cues = sorted((f"{start}0", f"{end}0", words.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " "))
                  for start, end, words in lines)  # fmt: skip
    return "\n\n".join(f"{start} --> {end}\n{words}" for start, end, words in cues)


def _words(cue: str, *, is_last: bool) -> str:
    parts = [part for part in re.split(r"\n[ \t]*\n", cue.strip("\n")) if part.strip()]
    # The last line before a time may be the number or the name of the next part.
    if not is_last and len(parts) > 1 and "\n" not in parts[-1].strip():
        parts.pop()
    elif not is_last and parts and _NUMBER_AT_END.search(parts[-1]):
        parts[-1] = _NUMBER_AT_END.sub("", parts[-1])
    text = "\n".join(part for part in parts if not _NOT_SAID.match(part))
    return " ".join(unescape(_MARKS.sub("", _VOICE.sub(r"\1: ", text))).split())


def _write(waiting: list[str], begun: str, writer: Writer) -> None:
    if waiting:
        writer.place = {"time": begun}
        writer.add("text", " ".join(waiting), joint="\n")
        waiting.clear()
