"""What each type of resource costs by being there; a test over the real plan shows that none is forgotten."""

from collections.abc import Callable, Mapping

from scripts.measure.cost.planned import Planned, Values

HOURS_A_MONTH = 730
_CPU_UNITS, _MB = 1024, 1024

Quantities = Mapping[str, float]
"""A month's, by line of the price list."""


def _one(price: str) -> Callable[[Values], Quantities]:
    return lambda _: {price: 1}


def _task(values: Values) -> Quantities:
    """A Fargate task that runs all the time, as the monitoring's single one does."""
    return {
        "fargate_cpu_hour": int(values["cpu"]) / _CPU_UNITS * HOURS_A_MONTH,
        "fargate_gb_hour": int(values["memory"]) / _MB * HOURS_A_MONTH,
    }


def _addresses(values: Values) -> Quantities:
    public = any(block.get("assign_public_ip") for block in values.get("network_configuration") or ())
    return {"address_hour": HOURS_A_MONTH * values.get("desired_count", 1)} if public else {}


PRICED: Mapping[str, Callable[[Values], Quantities]] = {
    "aws_cloudwatch_metric_alarm": _one("alarm"),
    "aws_cloudwatch_dashboard": _one("dashboard"),
    "aws_kms_key": _one("key"),
    "aws_ecs_task_definition": _task,
    "aws_ecs_service": _addresses,
}

BY_USE: Mapping[str, str] = {
    "aws_apigatewayv2_api": "by requests: scrapes",
    "aws_cloudwatch_event_archive": "by what it takes in and keeps",
    "aws_cloudwatch_event_bus": "by events",
    "aws_cloudwatch_log_group": "by what it takes in and keeps",
    "aws_dynamodb_table": "by units, storage and recovery",
    "aws_lambda_function": "by invocations and GB-seconds",
    "aws_sqs_queue": "by requests",
}
"""Priced by what orders, scrapes and the clock make them do."""

_PART = "a part of what it belongs to"
_NO_CHARGE = "AWS charges nothing for it"
_FEW = "a few requests and kilobytes: below a cent"

FREE: Mapping[str, str] = {
    "aws_apigatewayv2_integration": _PART,
    "aws_apigatewayv2_route": _PART,
    "aws_apigatewayv2_stage": _PART,
    "aws_budgets_budget": "a budget that only tells people",
    "aws_cloudwatch_event_rule": _NO_CHARGE,
    "aws_cloudwatch_event_target": _PART,
    "aws_default_security_group": _NO_CHARGE,
    "aws_dynamodb_resource_policy": _PART,
    "aws_ecs_cluster": _NO_CHARGE,
    "aws_iam_openid_connect_provider": _NO_CHARGE,
    "aws_iam_policy": _NO_CHARGE,
    "aws_iam_role": _NO_CHARGE,
    "aws_iam_role_policy": _NO_CHARGE,
    "aws_iam_role_policy_attachment": _NO_CHARGE,
    "aws_internet_gateway": _NO_CHARGE,
    "aws_kms_alias": _PART,
    "aws_lambda_event_source_mapping": _PART,
    "aws_lambda_function_event_invoke_config": _PART,
    "aws_lambda_permission": _PART,
    "aws_route": _PART,
    "aws_route_table": _NO_CHARGE,
    "aws_route_table_association": _PART,
    "aws_s3_bucket": _FEW,
    "aws_s3_bucket_ownership_controls": _PART,
    "aws_s3_bucket_policy": _PART,
    "aws_s3_bucket_public_access_block": _PART,
    "aws_s3_bucket_server_side_encryption_configuration": _PART,
    "aws_s3_bucket_versioning": _PART,
    "aws_s3_object": _FEW,
    "aws_security_group": _NO_CHARGE,
    "aws_sns_topic": "the first million requests a month, and what goes to a queue",
    "aws_sns_topic_policy": _PART,
    "aws_sns_topic_subscription": _PART,
    "aws_sqs_queue_policy": _PART,
    "aws_sqs_queue_redrive_allow_policy": _PART,
    "aws_sqs_queue_redrive_policy": _PART,
    "aws_subnet": _NO_CHARGE,
    "aws_vpc": _NO_CHARGE,
    "aws_vpc_security_group_egress_rule": _PART,
    "aws_vpc_security_group_ingress_rule": _PART,
    "terraform_data": "nothing on AWS",
}
"""With the reason."""


def standing(planned: Planned) -> dict[str, float]:
    """What all resources cost by being there, a month's quantity by line of the price list."""
    total: dict[str, float] = {}
    for resource in planned.resources:
        if priced := PRICED.get(resource.kind):
            for line, quantity in priced(resource.values).items():
                total[line] = total.get(line, 0) + quantity
    return total


def unpriced(planned: Planned) -> dict[str, int]:
    """The types that nothing is known about, with how many there are."""
    unknown = [resource.kind for resource in planned.resources if resource.kind not in {**PRICED, **BY_USE, **FREE}]
    return {kind: unknown.count(kind) for kind in sorted(set(unknown))}
