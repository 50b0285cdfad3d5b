from datetime import UTC, datetime, timedelta

import pytest

from scripts.cli.errors import UserError
from scripts.cli.times import parse_past
from tests.factories import NOW


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("30s", NOW - timedelta(seconds=30)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("0s", NOW),
        ("2025-12-31T23:30:00Z", datetime(2025, 12, 31, 23, 30, tzinfo=UTC)),
        ("2026-01-01T00:30+01:00", datetime(2025, 12, 31, 23, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_given_with_its_zone_or_as_how_long_ago(text: str, since: datetime) -> None:
    assert parse_past("--since", text, NOW) == since


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01T00:00:00", "2026-01-01", "2 h", "-2h", "2w", "999999d"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--since .*give a time with its zone, such as"):
        parse_past("--since", text, NOW)


def test_a_time_to_come_is_refused() -> None:
    with pytest.raises(UserError, match="--to 2026-01-01T12:00:01Z: that is still to come"):
        parse_past("--to", "2026-01-01T12:00:01Z", NOW)
