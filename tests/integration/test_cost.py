"""The monthly bill over the plan of what is deployed."""

from typing import Any

from scripts.measure.cost.planned import Planned
from scripts.measure.cost.report import Settings, make_report
from scripts.measure.cost.resource_types import BY_USE, FREE, PRICED


def test_nothing_that_is_planned_is_without_a_price_or_a_reason_for_none(plan: dict[str, Any]) -> None:
    planned = Planned.of(plan)

    kinds = {resource.kind for resource in planned.resources}
    report = make_report(planned, Settings(1_000_000))

    assert kinds <= {*PRICED, *BY_USE, *FREE}
    assert not report.unpriced
    assert kinds >= {"aws_cloudwatch_metric_alarm", "aws_kms_key", *BY_USE}
    assert len(planned.resources) > 90
    assert (planned.batch_size, planned.workers, planned.metrics_refresh_seconds) == (10, 2, 60)
    assert report.bill.services.keys() >= {"CloudWatch", "DynamoDB", "EventBridge", "SQS", "Lambda", "KMS"}
