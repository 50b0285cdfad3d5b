"""One JSON line per log entry: a fixed message, its fields, and the ids bound around it."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_bound: ContextVar[dict[str, str]] = ContextVar("bound_log_fields", default={})  # noqa: B039 - never mutated
_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

logger = logging.getLogger("pulsequeue")


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """Add `fields` to every line logged inside the block."""
    token = _bound.set(_bound.get() | fields)
    try:
        yield
    finally:
        _bound.reset(token)


def configure_logging(service: str, level: str) -> None:
    """Send the project's log lines to stdout, which Lambda ships to the function's log group."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonFormatter(service))
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False  # the runtime's root handler would print each line a second time


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "message": record.getMessage(),
            **_bound.get(),
            **{name: value for name, value in vars(record).items() if name not in _OWN_ATTRIBUTES},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
