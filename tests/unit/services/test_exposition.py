import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from services.metrics_service.exposition import Page, Values
from services.shared.counters import counter

_PLAIN = "text/plain; version=0.0.4"
_PLAIN_1 = "text/plain; version=1.0.0"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0"
_PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
_HISTOGRAM = "order_processing_duration_seconds"


def _rendered(accept: str, sums: dict[str, float]) -> tuple[str, str]:
    return Page(Values({counter(name): value for name, value in sums.items()}), []).render(accept)


def test_a_histogram_whose_buckets_came_before_its_count_is_valid() -> None:
    sums: dict[str, float] = {f"{_HISTOGRAM}_bucket_le_0_1": 5, f"{_HISTOGRAM}_count": 3, f"{_HISTOGRAM}_sum": 0.5}

    _, text = _rendered("application/openmetrics-text", sums)

    families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    samples = {(one.name, one.labels.get("le")): one.value for one in families[_HISTOGRAM].samples}
    assert samples[f"{_HISTOGRAM}_bucket", "0.1"] == 5
    assert samples[f"{_HISTOGRAM}_bucket", "+Inf"] == samples[f"{_HISTOGRAM}_count", None] == 5


def test_a_histogram_has_buckets_of_its_own_in_the_form_of_prometheus() -> None:
    name = "order_delivery_duration_seconds"
    sums = {f"{name}_bucket_le_86400_0": 2.0, f"{name}_bucket_le_1814400_0": 3.0, f"{name}_count": 6.0}

    _, text = _rendered("", sums)

    assert [line for line in text.splitlines() if line.startswith(f"{name}_bucket")] == [
        f'{name}_bucket{{le="{bound}"}} {count}'
        for bound, count in {
            "600.0": 0.0,
            "3600.0": 0.0,
            "21600.0": 0.0,
            "86400.0": 2.0,
            "259200.0": 2.0,
            "604800.0": 2.0,
            "1.8144e+06": 5.0,
            "+Inf": 6.0,
        }.items()
    ]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", _PLAIN),
        ("*/*", _PLAIN),
        ("application/json", _PLAIN),
        ("text/plain", _PLAIN),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", _PLAIN_1),
        ("application/openmetrics-text", _OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0; Q=0.9", _OPENMETRICS),
        (_PROMETHEUS_3, _OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", _PLAIN),
        # The weight decides, not the order.
        ("application/openmetrics-text;q=0.1,text/plain;version=0.0.4;q=0.9", _PLAIN),
        ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.1", _PLAIN),
        ("text/plain;q=0.5, application/openmetrics-text; version=1.0.0", _OPENMETRICS),
        ("application/openmetrics-text;q=0.1,*/*;q=0.9", _PLAIN),
        ("application/openmetrics-text;q=0", _PLAIN),
        # A version that nobody has written yet is not claimed.
        ("application/openmetrics-text;version=2.0.0", _PLAIN),
        ("application/openmetrics-text;version=new, */*", _PLAIN),
        ("application/openmetrics-text;q=much", _PLAIN),
        (";;q=,=,", _PLAIN),
    ],
)
def test_the_form_is_the_one_that_the_reader_prefers_of_those_there_are(accept: str, content_type: str) -> None:
    given, text = _rendered(accept, {})

    assert given.startswith(content_type)
    assert text.endswith("# EOF\n") == (content_type == _OPENMETRICS)
