"""The values of Excel's cells as a reader sees them."""

from __future__ import annotations

from datetime import datetime, timedelta

EPOCH = datetime(1899, 12, 30)
EPOCH_1904 = datetime(1904, 1, 1)
_LARGEST_DATE = 2_958_465  # the last day of the year 9999


def shown_date(number: float, epoch: datetime) -> str:
    """Return the date and the time of day that `number` counts in days from `epoch`; the number if it is none."""
    if not 0 <= number < _LARGEST_DATE:
        return shown_number(number)
    moment = epoch + timedelta(seconds=round(number * 86_400))
    if number < 1:
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%Y-%m-%d" if number == int(number) else "%Y-%m-%d %H:%M:%S")


def shown_number(number: float) -> str:
    """Return a number with the 15 digits that Excel keeps."""
    return f"{number:.15g}"
