import json
import time
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.libs.observability.embedded_metrics import EmbeddedMetrics, cloudwatch_names
from services.libs.observability.metrics import BUCKETS_SECONDS, WAY_BUCKETS_SECONDS, Declaration, Source

# Published in the specification that the module names.
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "properties": {"Name": {"type": "string", "minLength": 1, "maxLength": 1024}},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}

Flush = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def flush(registry: CollectorRegistry) -> Flush:
    """Give the documents that a flush writes, once they are found to be valid."""
    lines: list[str] = []
    metrics = EmbeddedMetrics("test", registry, lines.append)

    def documents() -> list[dict[str, Any]]:
        lines.clear()
        metrics.flush()
        written = [json.loads(line) for line in lines]
        for document in written:
            jsonschema.validate(document, _SCHEMA)
            (directive,) = document["_aws"]["CloudWatchMetrics"]
            assert all(isinstance(document[name], str) for (names) in directive["Dimensions"] for name in names)
            assert all(isinstance(document[metric["Name"]], float) for metric in directive["Metrics"])
        return written

    return documents


def test_a_document_is_of_now_in_milliseconds(registry: CollectorRegistry, flush: Flush) -> None:
    Counter("requests_total", "", registry=registry).inc()
    before = time.time()

    (document,) = flush()

    assert int(before * 1000) <= document["_aws"]["Timestamp"] <= time.time() * 1000


def test_a_counter_is_written_under_its_own_labels_with_what_was_added(
    registry: CollectorRegistry, flush: Flush
) -> None:
    requests = Counter("requests_total", "", ["status"], registry=registry)
    requests.labels("success").inc(2)
    requests.labels("error").inc()

    first, second = flush()

    assert first["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "PulseQueue",
            "Dimensions": [["environment", "status"]],
            "Metrics": [{"Name": "requests_total"}],
        }
    ]
    assert (first["environment"], first["status"], first["requests_total"]) == ("test", "success", 2)
    assert (second["status"], second["requests_total"]) == ("error", 1)


def test_only_what_is_new_is_written(registry: CollectorRegistry, flush: Flush) -> None:
    requests = Counter("requests_total", "", registry=registry)
    requests.inc()
    flush()

    assert flush() == []
    requests.inc(3)
    assert [document["requests_total"] for document in flush()] == [3]


def test_a_histogram_is_its_real_buckets_their_sum_and_their_count(registry: CollectorRegistry, flush: Flush) -> None:
    seconds = Histogram("seconds", "", buckets=(0.1, 1, 10), registry=registry)
    seconds.observe(0.05)
    seconds.observe(0.5)
    seconds.observe(50)

    (document,) = flush()

    del document["_aws"]
    assert document == {
        "environment": "test",
        "seconds_bucket_le_0_1": 1,
        "seconds_bucket_le_1_0": 1,
        "seconds_count": 3,
        "seconds_sum": 50.55,
    }


def test_each_label_set_has_buckets_of_its_own(registry: CollectorRegistry, flush: Flush) -> None:
    seconds = Histogram("seconds", "", ["function_name"], buckets=(0.1, 1), registry=registry)
    seconds.labels("a").observe(0.05)
    seconds.labels("b").observe(0.5)
    seconds.labels("b").observe(0.6)

    first, second = flush()

    def buckets(document: dict[str, Any]) -> dict[str, float]:
        return {name: value for name, value in document.items() if "_bucket_" in name}

    assert (first["function_name"], buckets(first)) == ("a", {"seconds_bucket_le_0_1": 1})
    assert (second["function_name"], buckets(second)) == ("b", {"seconds_bucket_le_1_0": 2})


@pytest.mark.parametrize("buckets", [BUCKETS_SECONDS, WAY_BUCKETS_SECONDS])
def test_what_is_written_has_the_names_that_the_reader_asks_for(
    registry: CollectorRegistry, flush: Flush, buckets: tuple[float, ...]
) -> None:
    seconds = Histogram("seconds", "", buckets=buckets, registry=registry)
    for bound in buckets:
        seconds.observe(bound)

    (document,) = flush()

    names = {metric["Name"] for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert names == set(cloudwatch_names(Declaration(seconds, Source.CLOUDWATCH, (), ((),), buckets)))


def test_an_empty_bucket_costs_nothing(registry: CollectorRegistry, flush: Flush) -> None:
    seconds = Histogram("seconds", "", buckets=(0.1, 1), registry=registry)
    seconds.observe(0.5)

    (document,) = flush()

    assert "seconds_bucket_le_0_1" not in document


def test_a_gauge_is_no_sum_and_stays(registry: CollectorRegistry, flush: Flush) -> None:
    Gauge("stock", "", registry=registry).set(5)

    assert flush() == []
