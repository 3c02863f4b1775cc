"""The displayed values of Excel's cells."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

EPOCH = datetime(1899, 12, 30)
EPOCH_1904 = datetime(1904, 1, 1)
_LARGEST_DATE = 2_958_465  # the last day of the year 9999
_LEAP_DAY = 60  # 29 February 1900
_LARGEST_DURATION = 10_000_000  # in days
_DATE_FORMATS = {*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)}
_TIME_FORMATS = {*range(18, 22), 45, 47}
_DURATION_FORMAT = 46
_PERCENT_FORMATS = {9, 10}
_DURATION = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_DATE_CODE = re.compile(r"[ymdhs]", re.IGNORECASE)
_DAY_CODE = re.compile(r"[ydgebn]", re.IGNORECASE)
_NOT_A_CODE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_LITERAL = re.compile(r'\\([^0-9])|"([^0-9"]*)"|\[[^<>=\]]*\]')
_MASK = re.compile(r"\(?0+(?:[-/() ]+0+)+|0{2,}")
_PIECE = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[[^\]]*\]|_.|\*.|(?P<end>;)'
    r"|(?P<number>General|[0#?.,/]+)|(?P<sign>[$€£¥ ])|.",
    re.IGNORECASE | re.DOTALL,
)


class Style(NamedTuple):
    """How a number is shown: as a `date`, a `time` of day, a `duration`, a `percent`, in a `mask`, or plainly.

    `before` and `behind` are the texts around it; `before` is the mask, with a zero for each digit.
    """

    kind: str = ""
    before: str = ""
    behind: str = ""


def style_of(identifier: str, code: str) -> Style | None:
    """The style of a number format by its number and its code; None if it shows the number alone."""
    number = int(identifier) if identifier.isdigit() and len(identifier) < 9 else 0
    bare = _NOT_A_CODE.sub("", code)
    if number == _DURATION_FORMAT or _DURATION.search(code):
        return Style("duration")
    if number in _DATE_FORMATS or _DATE_CODE.search(bare.replace("General", "")):
        is_time = not _DAY_CODE.search(bare) if code else number in _TIME_FORMATS
        return Style("time" if is_time else "date")
    if number in _PERCENT_FORMATS or "%" in bare:
        return Style("percent")
    if mask := _mask(code):
        return Style("mask", mask)
    style = _with_units(code)
    return style if style.before or style.behind else None


def shown(number: float, style: Style | None, epoch: datetime) -> str:
    """Return the displayed form of a number, with all its digits."""
    if style is None:
        return shown_number(number)
    if style.kind in ("date", "time"):
        return shown_date(number, epoch, is_day=style.kind == "date")
    if style.kind == "duration":
        return _duration(number)
    if style.kind == "percent":
        return f"{shown_number(number * 100)}%"
    if style.kind == "mask":
        return _masked(number, style.before)
    return f"{style.before}{shown_number(number)}{style.behind}"


def shown_date(number: float, epoch: datetime, *, is_day: bool = False) -> str:
    """Return the date and time for `number` days after `epoch`, or the number if it is out of range.

    Below 1, it is a time of day, except for the first day of 1904 if the format shows days (`is_day`).
    """
    if not 0 <= number < _LARGEST_DATE:
        return shown_number(number)
    moment = epoch + timedelta(seconds=round(number * 86_400))
    if number < 1 and not (is_day and epoch == EPOCH_1904):
        return moment.strftime("%H:%M:%S")
    if epoch == EPOCH and number < _LEAP_DAY:
        moment += timedelta(days=1)  # Excel counts a 29 February 1900, which was none
    return moment.strftime("%Y-%m-%d" if number == int(number) else "%Y-%m-%d %H:%M:%S")


def shown_number(number: float) -> str:
    """Return a number with the 15 digits that Excel keeps."""
    return f"{number:.15g}"


def _mask(code: str) -> str:
    """The digit positions of a number that serves as an identifier, such as `00000` or `000-00-0000`, or an empty
    text."""
    section = code.partition(";")[0]
    mask = _LITERAL.sub(lambda found: found[1] or found[2] or "", section)
    return mask if _MASK.fullmatch(mask) and '"' not in mask else ""


def _masked(number: float, mask: str) -> str:
    if number < 0 or number != int(number):
        return shown_number(number)
    digits = list(str(int(number)).rjust(mask.count("0"), "0"))
    places = [digits.pop() if place == "0" else place for place in reversed(mask)]
    return "".join(digits) + "".join(reversed(places))


def _duration(number: float) -> str:
    if not 0 <= number < _LARGEST_DURATION:
        return shown_number(number)
    minutes, seconds = divmod(round(number * 86_400), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _with_units(code: str) -> Style:
    """The words and the currency that a format writes before and behind a number."""
    before, behind = "", ""
    digits = ""
    for piece in _PIECE.finditer(code[:200]):
        if piece["end"]:  # behind it is the format of negative numbers
            break
        if piece["number"]:
            digits = piece["number"]
            continue
        words = next(filter(None, (piece["quoted"], piece["escaped"], piece["currency"], piece["sign"])), "")
        if digits:
            behind += words
        else:
            before += words
    if not digits or digits.endswith(",") or not any(each.isalpha() or each in "$€£¥°" for each in before + behind):
        return Style()  # without digits, the format shows other words than the number; a comma divides it by 1000
    return Style("", before.lstrip(), behind.rstrip())
