import json
from typing import Any

import pytest

from scripts.local.emf import DataPoint, add_to_minute, data_points
from scripts.local.stand_ins.metrics import extract_metrics, queue_metrics


def _document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    document = {
        "_aws": {
            "Timestamp": 120_500,
            "CloudWatchMetrics": [
                {"Namespace": "N", "Dimensions": [["environment", "status"]], "Metrics": [{"Name": "a"}, {"Name": "b"}]}
            ],
        },
        "environment": "dev",
        "status": "success",
        "a": 1,
        "b": [2, 3.5],
    }
    return document | changes


def _point(*values: float, at: float = 120.0, name: str = "a") -> DataPoint:
    return DataPoint("N", name, {"environment": "dev"}, at, values)


def test_a_line_that_is_a_document_becomes_its_values() -> None:
    text = "START RequestId\n" + json.dumps(_document()) + '\n{"message": "handled"}\n'

    dimensions = {"environment": "dev", "status": "success"}
    assert list(data_points(text)) == [
        DataPoint("N", "a", dimensions, 120.5, (1.0,)),
        DataPoint("N", "b", dimensions, 120.5, (2.0, 3.5)),
    ]


@pytest.mark.parametrize(
    "document",
    [
        '{"_aws"',
        '["_aws"]',
        json.dumps(_document(_aws={})),
        json.dumps(_document(status=None)),
        json.dumps(_document(status=7)),
        json.dumps(_document(a="many")),
        json.dumps(_document(a=True)),
        json.dumps(_document(b=[1.0] * 101)),
        json.dumps(_document(b=[])),
    ],
)
def test_a_line_that_is_no_valid_document_is_ignored_whole(document: str) -> None:
    assert list(data_points(document)) == []


def test_a_document_of_too_many_metrics_is_ignored() -> None:
    document = _document()
    document["_aws"]["CloudWatchMetrics"][0]["Metrics"] = [{"Name": "a"}] * 101

    assert list(data_points(json.dumps(document))) == []


def test_the_values_of_one_minute_are_one_point() -> None:
    points: list[dict[str, Any]] = []

    for point in (_point(1, at=120), _point(2, 5, at=179.9), _point(7, at=180)):
        add_to_minute(points, point)

    assert [(point["Timestamp"], point["_stat"]) for point in points] == [
        (120, {"SampleCount": 3, "Sum": 8, "Minimum": 1, "Maximum": 5}),
        (180, {"SampleCount": 1, "Sum": 7, "Minimum": 7, "Maximum": 7}),
    ]


def test_a_late_value_goes_to_its_own_minute() -> None:
    points: list[dict[str, Any]] = []

    for point in (_point(1, at=120), _point(7, at=180), _point(2, at=130)):
        add_to_minute(points, point)

    assert [point["_stat"]["Sum"] for point in points] == [3, 7]


def test_what_an_invocation_logs_is_still_logged() -> None:
    logged: list[object] = []
    stored: list[DataPoint] = []
    emit = extract_metrics(lambda *arguments, **options: logged.append((arguments, options)), stored.extend)

    emit({"config": {}}, "request-1", json.dumps(_document()), False, 12, log_source=None)  # noqa: FBT003

    assert logged == [(({"config": {}}, "request-1", json.dumps(_document()), False, 12), {"log_source": None})]
    assert [point.name for point in stored] == ["a", "b"]


def _queue_figures(*messages: dict[str, float]) -> dict[str, float]:
    points = queue_metrics({"url": {"name": "a", "messages": messages}}, 200.0)
    return {point.name: point.values[0] for point in points if point.dimensions == {"QueueName": "a"}}


def test_a_queue_tells_how_many_messages_wait_and_how_old_the_oldest_is() -> None:
    in_flight = {"sent_at": 100.0, "visible_at": 400.0, "receive_count": 2}
    waiting = {"sent_at": 150.0, "visible_at": 150.0, "receive_count": 0}

    figures = _queue_figures(in_flight, waiting)

    assert figures == {"ApproximateNumberOfMessagesVisible": 1, "ApproximateAgeOfOldestMessage": 100}


def test_a_message_that_comes_again_and_again_does_not_make_its_queue_old() -> None:
    poison_pill = {"sent_at": 100.0, "visible_at": 150.0, "receive_count": 3}
    waiting = {"sent_at": 150.0, "visible_at": 150.0, "receive_count": 0}

    assert _queue_figures(poison_pill, waiting)["ApproximateAgeOfOldestMessage"] == 50
    assert "ApproximateAgeOfOldestMessage" not in _queue_figures(poison_pill)


def test_an_empty_queue_has_no_age() -> None:
    assert _queue_figures() == {"ApproximateNumberOfMessagesVisible": 0}
