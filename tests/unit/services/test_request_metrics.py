import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from prometheus_client import CollectorRegistry, Histogram

from services.libs.observability.metrics import REGISTRY
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.store.event_store import ContentionError
from services.shared.rejections import RejectedError, RejectionReason

_LABELS = {"function_name": "order-service"}


@pytest.fixture
def metrics() -> RequestMetrics:
    return RequestMetrics("order-service", "test")


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, _LABELS | labels) or 0


def test_a_request_is_counted_timed_and_logged(metrics: RequestMetrics, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("test-service", "INFO")
    before = _count("lambda_requests_total", status="success"), _count("lambda_request_duration_seconds_sum")

    with metrics.batch() as batch:
        batch.fields["event_type"] = "OrderPlaced"

    line = _lines(capsys)[-1]
    assert line.items() >= {"message": "handled", "succeeded": 1, "failed": 0, "event_type": "OrderPlaced"}.items()
    assert _count("lambda_requests_total", status="success") == before[0] + 1
    assert _count("lambda_request_duration_seconds_sum") == before[1] + line["duration_seconds"]


@pytest.mark.parametrize(
    ("error", "error_type"),
    [
        (RejectedError(RejectionReason.CONFLICT, ""), "conflict"),
        (RejectedError(RejectionReason.ORDER_NOT_RESERVED, ""), "validation_error"),
        (ContentionError(), "dependency_error"),
        (ClientError({}, "PutItem"), "dependency_error"),
        (KeyError("bug"), "unknown_error"),
    ],
)
def test_a_request_that_raises_is_counted_by_why_and_still_raises(
    metrics: RequestMetrics, error: Exception, error_type: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "INFO")
    before = _count("lambda_errors_total", error_type=error_type), _count("lambda_requests_total", status="error")

    with pytest.raises(type(error)), metrics.batch():
        raise error

    line = _lines(capsys)[-1]
    assert (line["succeeded"], line["failed"]) == (0, 1)
    after = _count("lambda_errors_total", error_type=error_type), _count("lambda_requests_total", status="error")
    assert after == (before[0] + 1, before[1] + 1)


def test_only_a_request_that_succeeds_is_in_the_duration_of_its_own_kind(metrics: RequestMetrics) -> None:
    registry = CollectorRegistry()
    duration = Histogram("order_seconds", "", registry=registry)

    def handle(error: Exception | None) -> None:
        with metrics.batch(duration_metric=duration):
            if error:
                raise error

    handle(None)
    with pytest.raises(KeyError):
        handle(KeyError())

    assert registry.get_sample_value("order_seconds_count") == 1


def test_an_invocation_writes_what_it_observed_even_if_it_fails(
    metrics: RequestMetrics, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "INFO")
    with pytest.raises(KeyError), metrics.invocation(), metrics.batch():
        raise KeyError

    documents = [line for line in _lines(capsys) if "_aws" in line]
    assert {"lambda_requests_total", "lambda_errors_total"} <= {name for document in documents for name in document}


def test_metrics_that_fail_fail_nothing_else(
    metrics: RequestMetrics, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "INFO")

    def broken(*_: object) -> None:
        raise RuntimeError("no metrics today")

    monkeypatch.setattr(RequestMetrics, "_observe", broken)
    monkeypatch.setattr(metrics, "_embedded", None)

    with metrics.invocation(), metrics.batch():
        pass

    assert [line["message"] for line in _lines(capsys)] == ["metrics lost", "metrics lost"]


def test_a_duration_is_logged_and_observed_to_the_millisecond(
    metrics: RequestMetrics, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging("test-service", "INFO")
    with metrics.invocation():
        pass  # what other tests observed is written, and no longer in the way
    capsys.readouterr()
    times = iter((1.0, 1.053717506999873876))
    monkeypatch.setattr("services.libs.observability.request_metrics.perf_counter", lambda: next(times))

    with metrics.invocation(), metrics.batch():
        pass

    lines = _lines(capsys)
    name = "lambda_request_duration_seconds_sum"
    assert lines[0]["duration_seconds"] == 0.054
    assert [line[name] for line in lines if name in line] == [0.054]
