"""The standing cost of each type of resource; a test over the real plan shows that no type is missing."""

from collections.abc import Callable, Mapping

from scripts.measure.cost.planned import Planned, Values

HOURS_PER_MONTH = 730
_CPU_UNITS, _MB = 1024, 1024

Quantities = Mapping[str, float]
"""Per month, by line of the price list."""


def _one(price: str) -> Callable[[Values], Quantities]:
    return lambda _: {price: 1}


def _task(values: Values) -> Quantities:
    """A Fargate task that runs all the time, as the single task of the monitoring does."""
    return {
        "fargate_cpu_hour": int(values["cpu"]) / _CPU_UNITS * HOURS_PER_MONTH,
        "fargate_gb_hour": int(values["memory"]) / _MB * HOURS_PER_MONTH,
    }


def _addresses(values: Values) -> Quantities:
    public = any(block.get("assign_public_ip") for block in values.get("network_configuration") or ())
    return {"address_hour": HOURS_PER_MONTH * values.get("desired_count", 1)} if public else {}


PRICED: Mapping[str, Callable[[Values], Quantities]] = {
    "aws_cloudwatch_metric_alarm": _one("alarm"),
    "aws_cloudwatch_dashboard": _one("dashboard"),
    "aws_kms_key": _one("key"),
    "aws_ecs_task_definition": _task,
    "aws_ecs_service": _addresses,
}

_BY_USE = """
    aws_apigatewayv2_api aws_cloudwatch_event_archive aws_cloudwatch_event_bus aws_cloudwatch_log_group
    aws_cognito_user_pool aws_dynamodb_table aws_lambda_function aws_sqs_queue
    """
BY_USE = frozenset(_BY_USE.split())
"""Types that are billed by the work of orders, of scrapes, of the clock, and by who signs in."""

_PARTS = """
    aws_apigatewayv2_authorizer aws_apigatewayv2_integration aws_apigatewayv2_route aws_apigatewayv2_stage
    aws_cloudwatch_event_target aws_cognito_user_group aws_cognito_user_pool_client aws_dynamodb_resource_policy
    aws_kms_alias aws_lambda_event_source_mapping aws_lambda_function_event_invoke_config aws_lambda_permission
    aws_route aws_route_table_association aws_s3_bucket_ownership_controls aws_s3_bucket_policy
    aws_s3_bucket_public_access_block aws_s3_bucket_server_side_encryption_configuration aws_s3_bucket_versioning
    aws_sns_topic_policy aws_sns_topic_subscription aws_sqs_queue_policy aws_sqs_queue_redrive_allow_policy
    aws_sqs_queue_redrive_policy aws_vpc_security_group_egress_rule aws_vpc_security_group_ingress_rule
    """
_NO_CHARGE = """
    aws_budgets_budget aws_cloudwatch_event_rule aws_default_security_group aws_ecs_cluster
    aws_iam_openid_connect_provider aws_iam_policy aws_iam_role aws_iam_role_policy aws_iam_role_policy_attachment
    aws_internet_gateway aws_route_table aws_security_group aws_subnet aws_vpc terraform_data
    """
# A few requests and kilobytes a month, and the first million requests of a topic.
_BELOW_A_CENT = "aws_s3_bucket aws_s3_object aws_sns_topic"
FREE = frozenset(f"{_PARTS} {_NO_CHARGE} {_BELOW_A_CENT}".split())
"""Types without a cost of their own: a part of another resource, without charge, or below a cent a month."""


def standing(planned: Planned) -> dict[str, float]:
    """The standing quantities of all resources per month, by line of the price list."""
    total: dict[str, float] = {}
    for resource in planned.resources:
        if priced := PRICED.get(resource.kind):
            for line, quantity in priced(resource.values).items():
                total[line] = total.get(line, 0) + quantity
    return total


def unpriced(planned: Planned) -> dict[str, int]:
    """The number of resources of each unknown type."""
    unknown = [resource.kind for resource in planned.resources if resource.kind not in {*PRICED, *BY_USE, *FREE}]
    return {kind: unknown.count(kind) for kind in sorted(set(unknown))}
