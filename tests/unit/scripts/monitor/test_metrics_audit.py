from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.monitor import metrics_audit
from scripts.monitor.metrics_audit import Recount, business_counters, declared_series, read_page, recount
from scripts.operate.pausing import PauseSwitch
from services.libs.store.dynamodb_items import to_item
from services.libs.store.ledger_counters import LedgerCounters
from services.metrics_service.exposition import Page, Values
from tests.unit.conftest import METRICS_TABLE, Aws

_SERIES = "orders_processed_total|status=success|error_type=none"
_OTHER = "payments_processed_total|status=failure|error_type=declined"


def _recounts(before: Mapping[str, int], counted: Mapping[str, int], after: Mapping[str, int]) -> dict[str, Recount]:
    pages = iter((before, after))
    return {one.series: one for one in recount(lambda: next(pages), lambda: Counter(counted))}


def test_every_declared_series_is_compared_at_0_too() -> None:
    assert _recounts({}, {}, {}).keys() == declared_series()


@pytest.mark.parametrize(
    ("before", "counted", "after", "difference"),
    [
        (5, 5, 5, 0),
        (5, 6, 7, 0),  # it moved while it was counted
        (4, 5, 4, -1),
        (7, 5, 8, 2),
    ],
)
def test_a_series_differs_if_the_count_is_not_between_what_was_shown_before_and_after(
    before: int, counted: int, after: int, difference: int
) -> None:
    found = _recounts({_SERIES: before}, {_SERIES: counted}, {_SERIES: after})

    assert found[_SERIES].difference == difference
    assert found[_OTHER].difference == 0


def test_a_series_that_only_the_event_store_knows_is_a_difference() -> None:
    assert _recounts({}, {"new_total|a=b": 2}, {})["new_total|a=b"].difference == -2


def test_the_business_counters_are_read_off_the_page_and_nothing_else() -> None:
    values = Values({_SERIES: 5, "lambda_requests_total|function_name=order-service|status=success": 9})
    _, page = Page(values, ["order-service"]).render("")

    counters = business_counters(page)

    assert counters.keys() == declared_series()
    assert (counters[_SERIES], counters[_OTHER]) == (5, 0)


@pytest.fixture
def endpoint() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers["authorization"] == "Bearer secret"
            is_new = self.headers["cache-control"] == "no-cache"
            text = f"a_total {is_new:d}\n".encode() if allowed else b"a bearer token is needed\n"
            self.send_response(200 if allowed else 401)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name that the base class gives it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_page_is_asked_for_with_the_token_and_read_anew(endpoint: str) -> None:
    assert read_page(endpoint, "secret") == "a_total 1\n"


def test_a_refusal_says_what_the_endpoint_said_and_not_the_token(endpoint: str) -> None:
    with pytest.raises(UserError, match="answered 401: a bearer token is needed") as refused:
        read_page(endpoint, "guess")

    assert "guess" not in str(refused.value)


def test_an_endpoint_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"the metrics endpoint cannot be reached at http://127\.0\.0\.1:9/metrics"):
        read_page("http://127.0.0.1:9/metrics", "secret")


@pytest.fixture
def target(busy: Aws, monkeypatch: pytest.MonkeyPatch, no_turns: None) -> Target:  # noqa: ARG001 - it comes first
    """A deployment whose endpoint shows the counters as they stand."""

    def page(*_: str) -> str:
        counters = LedgerCounters(busy.dynamodb, METRICS_TABLE).read()
        return Page(Values(counters), []).render("")[1]

    monkeypatch.setattr(Deployment, "of", lambda _: busy.deployment)
    monkeypatch.setattr(Deployment, "metrics_url", lambda *_: "https://api.example/metrics")
    monkeypatch.setattr(PauseSwitch, "__init__", lambda *_: None)
    monkeypatch.setattr(metrics_audit, "required", lambda *_: "secret")
    monkeypatch.setattr(metrics_audit, "read_page", page)
    return cast("Target", SimpleNamespace(client=lambda _: busy.dynamodb))


def _count_one_too_many(aws: Aws) -> None:
    aws.dynamodb.put_item(TableName=METRICS_TABLE, Item=to_item({"id": "counters#stray", "writes": 1, _SERIES: 1}))


def test_counters_that_are_off_are_told_with_what_mends_them(busy: Aws, target: Target) -> None:
    metrics_audit.audit_metrics(target, rebuild=False)

    _count_one_too_many(busy)

    message = r"1 counters differ from the event store: .*`invoke monitor\.metrics-audit --rebuild`"
    with pytest.raises(UserError, match=message):
        metrics_audit.audit_metrics(target, rebuild=False)


def test_counters_are_rebuilt_while_nobody_writes(
    busy: Aws, target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PauseSwitch, "active", lambda _: [])
    before = LedgerCounters(busy.dynamodb, METRICS_TABLE).read()
    _count_one_too_many(busy)

    metrics_audit.audit_metrics(target, rebuild=True)

    assert "what the endpoint shows is what happened" in capsys.readouterr().out
    assert LedgerCounters(busy.dynamodb, METRICS_TABLE).read() == before


@pytest.mark.parametrize("looks_before", [0, 1], ids=["before the count", "after the count"])
def test_counters_are_not_rebuilt_while_somebody_may_write(
    busy: Aws, target: Target, monkeypatch: pytest.MonkeyPatch, looks_before: int
) -> None:
    answers: Iterator[list[str]] = iter([[]] * looks_before + [["order-service"]])
    monkeypatch.setattr(PauseSwitch, "active", lambda _: next(answers))
    _count_one_too_many(busy)
    before = LedgerCounters(busy.dynamodb, METRICS_TABLE).read()

    with pytest.raises(UserError, match="nothing was rebuilt: order-service may be writing"):
        metrics_audit.audit_metrics(target, rebuild=True)

    assert LedgerCounters(busy.dynamodb, METRICS_TABLE).read() == before
