"""Times as a person gives them to a task."""

import re
from datetime import datetime, timedelta

from scripts.cli.errors import UserError

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_past(option: str, text: str, now: datetime) -> datetime:
    """Read a time with its zone, or how long ago it was; raise UserError that names the option."""
    ago = _AGO.fullmatch(text)
    try:
        past = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        past = None
    if past is None or past.tzinfo is None:
        raise UserError(
            f"{option} {text}: give a time with its zone, such as 2026-01-31T12:00:00Z, or how long ago: 30m, 2h, 3d"
        )
    if past > now:
        raise UserError(f"{option} {text}: that is still to come")
    return past
