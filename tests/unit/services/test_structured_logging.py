import json
from datetime import UTC, datetime, timedelta

import pytest

from services.libs.observability.structured_logging import configure_logging, log_fields, logger


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_bound_fields_end_with_their_block(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("test-service", "INFO")

    with log_fields(message_id="message-1"), log_fields(order_id="order-1"):
        logger.info("inside", extra={"reason": "conflict"})
    logger.info("outside")

    inside, outside = _lines(capsys)
    assert inside.items() >= {"message_id": "message-1", "order_id": "order-1", "reason": "conflict"}.items()
    assert set(outside) == {"time", "level", "service", "message"}


def test_the_time_of_a_line_is_utc_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("test-service", "INFO")
    before = datetime.now(UTC)

    logger.info("now")

    (line,) = _lines(capsys)
    time = datetime.fromisoformat(line["time"])
    assert time.utcoffset() == timedelta(0)
    assert before - timedelta(milliseconds=1) <= time <= datetime.now(UTC)


def test_a_line_below_the_level_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("test-service", "WARNING")

    logger.info("of no interest")
    logger.warning("of interest")

    assert [line["message"] for line in _lines(capsys)] == ["of interest"]


def test_a_line_is_not_handed_to_the_handler_of_the_runtime_too(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    configure_logging("test-service", "INFO")

    logger.info("once")

    assert len(_lines(capsys)) == 1
    assert caplog.records == []
