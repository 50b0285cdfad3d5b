from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from scripts.cli.errors import UserError
from scripts.monitor.metrics_audit import Recount, business_counters, declared_series, read_page, recount
from services.metrics_service.exposition import Page, Values

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
