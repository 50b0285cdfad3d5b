"""The time from an order's confirmation until it is shipped and delivered, observed by the writer of that commit."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import Histogram

from services.libs.observability.metrics import ORDER_DELIVERY_DURATION, ORDER_SHIPPING_DURATION, REGISTRY
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.order_service.progress import observe_progress
from services.shared.order_state import Order
from tests.factories import seeding
from tests.unit.conftest import Aws
from tests.unit.services.every_commit import CAUSE, COMMITS, HISTORIES, STARTED

_ORDER = "o" * 36
_AT_HOME = HISTORIES["delivered"]
_BEFORE_SHIPPING = _AT_HOME[: _AT_HOME.index(STARTED) + 1]
_THREE_DAYS = timedelta(days=3)


def _observed(histogram: Histogram) -> tuple[float, float]:
    (family,) = histogram.describe()
    count, seconds = (REGISTRY.get_sample_value(f"{family.name}_{part}") for part in ("count", "sum"))
    return count or 0, seconds or 0


@pytest.mark.parametrize(
    ("name", "histogram"), [("shipped", ORDER_SHIPPING_DURATION), ("delivered", ORDER_DELIVERY_DURATION)]
)
def test_the_time_since_the_confirmation_is_observed(name: str, histogram: Histogram) -> None:
    late = replace(COMMITS[name], cause=replace(CAUSE, at=CAUSE.at + _THREE_DAYS))
    count, seconds = _observed(histogram)

    observe_progress(Order.of(_BEFORE_SHIPPING), late)

    assert _observed(histogram) == (count + 1, seconds + _THREE_DAYS.total_seconds())


@pytest.mark.parametrize("name", ["started", "lost", "received"])
def test_other_commits_are_not_observed(name: str) -> None:
    before = [_observed(histogram) for histogram in (ORDER_SHIPPING_DURATION, ORDER_DELIVERY_DURATION)]

    observe_progress(Order.of(_BEFORE_SHIPPING), COMMITS[name])

    assert [_observed(histogram) for histogram in (ORDER_SHIPPING_DURATION, ORDER_DELIVERY_DURATION)] == before


def test_a_clock_that_is_behind_lets_no_sum_fall() -> None:
    early = replace(COMMITS["shipped"], cause=replace(CAUSE, at=CAUSE.at - timedelta(seconds=1)))
    count, seconds = _observed(ORDER_SHIPPING_DURATION)

    observe_progress(Order.of(_BEFORE_SHIPPING), early)

    assert _observed(ORDER_SHIPPING_DURATION) == (count + 1, seconds)


def test_an_order_that_is_shipped_once_is_observed_once(aws: Aws) -> None:
    aws.store.append(seeding("s" * 20, stock=10_000))
    for commit in (*_BEFORE_SHIPPING, *HISTORIES["parcel_delivered"]):
        aws.store.append(commit)
    after_sale = AfterSale(aws.store, ReturnTimes(_THREE_DAYS, _THREE_DAYS))
    later = replace(CAUSE, at=CAUSE.at + _THREE_DAYS)
    before = [_observed(histogram) for histogram in (ORDER_SHIPPING_DURATION, ORDER_DELIVERY_DURATION)]

    for _ in range(2):
        after_sale.follow_parcels(_ORDER, later)

    after = [_observed(histogram) for histogram in (ORDER_SHIPPING_DURATION, ORDER_DELIVERY_DURATION)]
    seconds = _THREE_DAYS.total_seconds()
    assert after == [(count + 1, total + seconds) for count, total in before]
