"""What GetMetricData answers over several pages and calls is taken whole, or not at all."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain

import pytest
from botocore.stub import Stubber

from services.libs.runtime import aws_clients
from services.metrics_service.cloudwatch_reader import CALL_SECONDS, CloudWatchReader
from services.shared.faults import DependencyError, no_hurry
from tests.factories import NOW

_SPAN = (NOW - timedelta(minutes=5), NOW)
_QUEUES = {"a": "test-a", "b": "test-b"}


@pytest.fixture
def cloudwatch(aws: object) -> Iterator[Stubber]:  # noqa: ARG001
    with Stubber(aws_clients.cloudwatch()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _answer(cloudwatch: Stubber, *results: dict[str, object], next_token: str | None = None) -> None:
    page = {"MetricDataResults": list(results)} | ({"NextToken": next_token} if next_token else {})
    cloudwatch.add_response("get_metric_data", page)


def _result(query: str, status: str = "Complete", **values: float) -> dict[str, object]:
    """`values` by a name that ends in how many minutes ago they were."""
    times = [NOW - timedelta(minutes=int(name.removeprefix("ago_"))) for name in values]
    return {"Id": query, "StatusCode": status, "Timestamps": times, "Values": list(values.values())}


def _reader(queues: dict[str, str] = _QUEUES) -> CloudWatchReader:
    return CloudWatchReader(aws_clients.cloudwatch(), "test", ["order-service"], queues)


def test_the_rest_of_a_series_comes_on_a_later_page(cloudwatch: Stubber) -> None:
    _answer(
        cloudwatch,
        _result("q0", "PartialData", ago_3=30),
        _result("q1", ago_3=50),
        next_token="more",  # noqa: S106
    )
    _answer(cloudwatch, _result("q0", ago_2=70))

    assert _reader().oldest_message_ages(*_SPAN, no_hurry) == {"a": 70, "b": 50}


@pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden"])
def test_a_series_that_ends_incomplete_is_a_fault(cloudwatch: Stubber, status: str) -> None:
    _answer(cloudwatch, _result("q0"), _result("q1", status, ago_3=50))

    with pytest.raises(DependencyError, match=f"answered {status}"):
        _reader().oldest_message_ages(*_SPAN, no_hurry)


def test_a_series_that_is_not_answered_is_a_fault(cloudwatch: Stubber) -> None:
    _answer(cloudwatch, _result("q0", ago_3=30))

    with pytest.raises(DependencyError, match="answered nothing"):
        _reader().oldest_message_ages(*_SPAN, no_hurry)


def test_more_series_than_a_call_takes_are_asked_for_in_several(
    cloudwatch: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.metrics_service.cloudwatch_reader._MAX_QUERIES_PER_CALL", 2)
    asked: list[int] = []
    cloudwatch.client.meta.events.register(
        "provide-client-params.cloudwatch.GetMetricData",
        lambda params, **_: asked.append(len(params["MetricDataQueries"])),
    )
    _answer(cloudwatch, _result("q0", ago_3=30), _result("q1", ago_3=50))
    _answer(cloudwatch, _result("q0", ago_3=70))

    ages = _reader({**_QUEUES, "c": "test-c"}).oldest_message_ages(*_SPAN, no_hurry)

    assert ages == {"a": 30, "b": 50, "c": 70}
    assert asked == [2, 1]


def test_a_queue_of_which_sqs_publishes_no_age_is_not_behind(cloudwatch: Stubber) -> None:
    _answer(cloudwatch, _result("q0", ago_3=30), _result("q1"))

    assert _reader().oldest_message_ages(*_SPAN, no_hurry) == {"a": 30, "b": 0}


@pytest.mark.usefixtures("cloudwatch")
def test_no_call_is_begun_that_there_may_be_no_time_for() -> None:
    with pytest.raises(DependencyError, match="too little time"):
        _reader().oldest_message_ages(*_SPAN, lambda: CALL_SECONDS - 0.1)


def test_no_page_is_asked_for_that_there_may_be_no_time_for(cloudwatch: Stubber) -> None:
    _answer(cloudwatch, _result("q0"), _result("q1"), next_token="more")  # noqa: S106
    seconds_left = chain([60.0], [CALL_SECONDS - 0.1])

    with pytest.raises(DependencyError, match="too little time"):
        _reader().oldest_message_ages(*_SPAN, lambda: next(seconds_left))


def test_an_answer_that_came_late_but_whole_is_taken(cloudwatch: Stubber) -> None:
    _answer(cloudwatch, _result("q0", ago_3=30), _result("q1", ago_3=50))
    seconds_left = chain([CALL_SECONDS], [0.0])

    assert _reader().oldest_message_ages(*_SPAN, lambda: next(seconds_left)) == {"a": 30, "b": 50}
