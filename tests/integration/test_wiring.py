"""What the embedded AWS does not check, read off the plan of what is deployed: policies, dead letters, permissions."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from scripts.cli.paths import REPO_ROOT
from services.libs.store.inventory_table import stock_update
from services.shared.inventory import Move, StockLine, StockMove
from tests.integration.plans import Resource, all_of, as_list, statements
from tests.integration.routes import every_route
from tests.integration.wiring import permissions, refusal_of_plain_http
from tests.integration.world import World
from tests.unit.monitoring.rules import Selector, rules, selectors

_ACTIONS_WITHOUT_RESOURCES = {"cloudwatch:GetMetricData": "metrics are no resources that a policy could name"}


def test_every_queue_admits_exactly_the_rules_and_topics_that_send_to_it(resources: list[Resource]) -> None:
    urls = {queue["url"]: queue["arn"] for queue in all_of(resources, "aws_sqs_queue")}
    rules = {
        (rule["name"], rule["event_bus_name"]): rule["arn"] for rule in all_of(resources, "aws_cloudwatch_event_rule")
    }
    senders: dict[str, set[str]] = {arn: set() for arn in urls.values()}
    for target in all_of(resources, "aws_cloudwatch_event_target"):
        rule = rules[target["rule"], target["event_bus_name"]]
        for arn in (target["arn"], target["dead_letter_config"][0]["arn"]):
            if arn in senders:
                senders[arn].add(rule)
    for subscription in all_of(resources, "aws_sns_topic_subscription"):
        for arn in (subscription["endpoint"], json.loads(subscription["redrive_policy"])["deadLetterTargetArn"]):
            senders[arn].add(subscription["topic_arn"])

    admitted: dict[str, set[str]] = {arn: set() for arn in urls.values()}
    for policy in all_of(resources, "aws_sqs_queue_policy"):
        queue = urls[policy["queue_url"]]
        for statement in statements(policy["policy"]):
            if statement["Effect"] == "Deny":
                continue
            assert statement["Action"] == "sqs:SendMessage"
            assert statement["Resource"] == queue
            service = statement["Principal"]["Service"].removesuffix(".amazonaws.com")
            sources = as_list(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
            assert {source.split(":")[2] for source in sources} == {service}
            admitted[queue].update(sources)

    assert admitted == senders


def test_no_order_writes_to_an_index_of_the_inventory(resources: list[Resource], world: World) -> None:
    """An index is written to only if one of its attributes changes: a reservation costs no unit more for it."""
    moves = [move for move in Move if move not in {Move.ADJUST, Move.NONE}]
    changes = [change for move in moves for change in StockMove(move, (StockLine("prod-001", 1),)).changes()]
    written = {name for change in changes for name in _written(stock_update("inventory", change)["UpdateExpression"])}
    (table,) = (
        each for each in all_of(resources, "aws_dynamodb_table") if each["name"] == world.deployment.tables.inventory
    )
    indexed = {
        attribute
        for index in table["global_secondary_index"]
        for attribute in (index["hash_key"], index["range_key"], *index["non_key_attributes"])
    }

    assert written == {"stock", "reserved", "available"}
    assert indexed == {"listed", "category_id", "name_key", "name", "price_minor", "currency"}


def _written(update: str) -> list[str]:
    return re.findall(r"#?(\w+) (?:= )?:\w+", update)


def test_every_queue_refuses_plain_http(resources: list[Resource]) -> None:
    queues = {queue["url"]: queue["arn"] for queue in all_of(resources, "aws_sqs_queue")}

    refused = {policy["queue_url"]: policy["policy"] for policy in all_of(resources, "aws_sqs_queue_policy")}

    assert refused.keys() == queues.keys()
    for url, policy in refused.items():
        denial = refusal_of_plain_http(policy)
        assert (denial["Action"], denial["Resource"]) == ("sqs:*", queues[url])


def test_the_topic_refuses_plain_http(resources: list[Resource]) -> None:
    (topic,), (policy,) = all_of(resources, "aws_sns_topic"), all_of(resources, "aws_sns_topic_policy")

    denial = refusal_of_plain_http(policy["policy"])

    assert (denial["Action"], denial["Resource"]) == ("sns:Publish", topic["arn"])


def test_every_mapping_may_read_its_source(resources: list[Resource]) -> None:
    for mapping in all_of(resources, "aws_lambda_event_source_mapping"):
        source = mapping["event_source_arn"]
        needed = (
            {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
            if ":sqs:" in source
            else {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
        )

        assert needed <= permissions(resources, mapping["function_arn"]).get(source, set())


def test_every_mapping_reports_partial_failures(resources: list[Resource]) -> None:
    mappings = all_of(resources, "aws_lambda_event_source_mapping")

    assert all(mapping["function_response_types"] == ["ReportBatchItemFailures"] for mapping in mappings)


def test_every_target_queue_and_stream_has_a_dead_letter(resources: list[Resource]) -> None:
    queues = {queue["url"]: queue["arn"] for queue in all_of(resources, "aws_sqs_queue")}
    dead_letters = {queue["arn"] for queue in all_of(resources, "aws_sqs_queue") if queue["name"].endswith("-dlq")}
    redriven = {
        queues[policy["queue_url"]]: json.loads(policy["redrive_policy"])["deadLetterTargetArn"]
        for policy in all_of(resources, "aws_sqs_queue_redrive_policy")
    }
    streams = [
        mapping
        for mapping in all_of(resources, "aws_lambda_event_source_mapping")
        if ":sqs:" not in mapping["event_source_arn"]
    ]

    assert redriven.keys() == set(queues.values()) - dead_letters
    assert set(redriven.values()) <= dead_letters
    for target in all_of(resources, "aws_cloudwatch_event_target"):
        assert target["dead_letter_config"][0]["arn"] in dead_letters
    for mapping in streams:
        assert mapping["destination_config"][0]["on_failure"][0]["destination_arn"] in dead_letters


def test_no_role_has_a_policy_but_its_own(resources: list[Resource]) -> None:
    """So that whatever is asked of a role's own policies is asked of all that it may do."""
    kinds = {resource["type"] for resource in resources if resource["type"].startswith("aws_iam")}

    assert kinds == {"aws_iam_role", "aws_iam_role_policy"}
    assert not any(role["managed_policy_arns"] for role in all_of(resources, "aws_iam_role"))


def test_no_role_has_a_wildcard_without_a_reason(resources: list[Resource]) -> None:
    streams_of_log = "a log group's streams are named by Lambda, at run time"
    streams_of_table = "ListStreams is asked of the table, not of one stream"
    reasons = {f"{group['arn']}:*": streams_of_log for group in all_of(resources, "aws_cloudwatch_log_group")}
    reasons |= {f"{table['arn']}/stream/*": streams_of_table for table in all_of(resources, "aws_dynamodb_table")}

    for policy in all_of(resources, "aws_iam_role_policy"):
        for statement in statements(policy["policy"]):
            assert not [action for action in as_list(statement["Action"]) if "*" in action]
            if as_list(statement["Resource"]) == ["*"]:
                assert set(as_list(statement["Action"])) <= _ACTIONS_WITHOUT_RESOURCES.keys()
                continue
            assert {resource for resource in as_list(statement["Resource"]) if "*" in resource} <= reasons.keys()


def test_every_mapping_is_a_stream_from_its_beginning_or_a_queue_with_a_maximum_concurrency(
    resources: list[Resource],
) -> None:
    for mapping in all_of(resources, "aws_lambda_event_source_mapping"):
        if ":sqs:" in mapping["event_source_arn"]:
            assert mapping["scaling_config"][0]["maximum_concurrency"] >= 2
        else:
            assert mapping["starting_position"] == "TRIM_HORIZON"
            assert mapping["bisect_batch_on_function_error"]
            assert mapping["maximum_record_age_in_seconds"] < 24 * 60 * 60


def test_what_is_kept_is_encrypted_and_recoverable_and_what_is_logged_ends(resources: list[Resource]) -> None:
    """But for customers' keys: one that is destroyed must not come back."""
    tables = all_of(resources, "aws_dynamodb_table")

    assert all(queue["sqs_managed_sse_enabled"] for queue in all_of(resources, "aws_sqs_queue"))
    assert all(table["server_side_encryption"][0]["enabled"] for table in tables)
    lost = {table["name"] for table in tables if not table["point_in_time_recovery"][0]["enabled"]}
    assert lost == {"test-customer-key-table"}
    assert all(group["retention_in_days"] > 0 for group in all_of(resources, "aws_cloudwatch_log_group"))


def test_only_deadlines_end_by_themselves(resources: list[Resource]) -> None:
    ending = {
        table["name"]: block["attribute_name"]
        for table in all_of(resources, "aws_dynamodb_table")
        for block in table["ttl"]
        if block["enabled"]
    }

    assert ending == {"test-deadline-table": "expires_at"}


def test_every_route_and_nothing_else_of_an_api_may_invoke_the_function_behind_it(resources: list[Resource]) -> None:
    apis = {api["id"]: api["execution_arn"] for api in all_of(resources, "aws_apigatewayv2_api")}
    functions = {each["invoke_arn"]: each["function_name"] for each in all_of(resources, "aws_lambda_function")}
    behind = {
        f"integrations/{each['id']}": functions[each["integration_uri"]]
        for each in all_of(resources, "aws_apigatewayv2_integration")
    }
    routes = {
        (
            behind[route["target"]],
            f"{apis[route['api_id']]}/test/{re.sub('{[^}]*}', '*', route['route_key']).replace(' ', '')}",
        )
        for route in all_of(resources, "aws_apigatewayv2_route")
    }

    permitted = {
        (permission["function_name"], permission["source_arn"])
        for permission in all_of(resources, "aws_lambda_permission")
        if permission["principal"] == "apigateway.amazonaws.com"
    }

    assert permitted == routes
    assert ("test-metrics-service-handler", "GET/metrics") in {(f, arn.partition("/test/")[2]) for f, arn in permitted}


def test_every_route_of_an_api_has_limits(resources: list[Resource]) -> None:
    """The embedded AWS has none."""
    stages = all_of(resources, "aws_apigatewayv2_stage")

    assert {stage["api_id"] for stage in stages} == {api["id"] for api in all_of(resources, "aws_apigatewayv2_api")}
    for stage in stages:
        (limits,) = stage["default_route_settings"]
        assert stage["name"] == "test"
        assert limits["throttling_rate_limit"] > 0
        assert limits["throttling_burst_limit"] > 0
        assert not stage["route_settings"]


def test_the_routes_are_those_of_the_document_and_want_a_token_where_it_says_so(resources: list[Resource]) -> None:
    """test_access.py says who may call each of them."""
    (authorizer,), (client,) = (
        all_of(resources, "aws_apigatewayv2_authorizer"),
        all_of(resources, "aws_cognito_user_pool_client"),
    )
    (pool,) = all_of(resources, "aws_cognito_user_pool")
    wanted = {
        key: ("JWT", authorizer["id"]) if each.needs_token else ("NONE", "") for key, each in every_route().items()
    }

    planned = {
        route["route_key"]: (route["authorization_type"], route["authorizer_id"] or "")
        for route in all_of(resources, "aws_apigatewayv2_route")
    }

    # The function behind the metrics compares the caller's bearer token.
    assert planned == wanted | {"GET /metrics": ("NONE", "")}
    (accepted,) = authorizer["jwt_configuration"]
    assert accepted == {"issuer": f"https://{pool['endpoint']}", "audience": [client["id"]]}
    assert authorizer["identity_sources"] == ["$request.header.Authorization"]


_LOGGED_OF_A_REQUEST = {
    "$context.requestId",
    "$context.requestTime",
    "$context.routeKey",
    "$context.status",
    "$context.responseLength",
    "$context.responseLatency",
    "$context.integrationStatus",
    "$context.integrationErrorMessage",
}
"""None is of the caller, or has ids as a path does. The error is Lambda's, not the function's."""


def test_an_access_log_says_nothing_of_who_called_and_about_what(resources: list[Resource]) -> None:
    for stage in all_of(resources, "aws_apigatewayv2_stage"):
        (log,) = stage["access_log_settings"]
        assert set(re.findall(r"\$[\w.]+", log["format"])) <= _LOGGED_OF_A_REQUEST


def test_no_page_of_another_origin_may_call_an_api(resources: list[Resource]) -> None:
    assert not any(api["cors_configuration"] for api in all_of(resources, "aws_apigatewayv2_api"))


def test_nobody_writes_the_id_of_a_customer_but_the_trigger(resources: list[Resource]) -> None:
    (client,), (pool,) = all_of(resources, "aws_cognito_user_pool_client"), all_of(resources, "aws_cognito_user_pool")

    assert "custom:customer_id" not in client["write_attributes"]
    assert client["write_attributes"]
    (permission,) = [
        each for each in all_of(resources, "aws_lambda_permission") if each["principal"].startswith("cognito")
    ]
    assert permission["source_arn"] == pool["arn"]
    assert permission["function_name"] == "test-customer-service-trigger"


def test_only_alarms_of_the_environment_may_publish_to_the_encrypted_topic(resources: list[Resource]) -> None:
    (topic,), (policy,) = all_of(resources, "aws_sns_topic"), all_of(resources, "aws_sns_topic_policy")
    (key,) = [key for key in all_of(resources, "aws_kms_key") if key["arn"] == topic["kms_master_key_id"]]

    _, admit = statements(policy["policy"])
    _, use_key = statements(key["policy"])
    publishers = [admit, use_key]
    for statement in publishers:
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":alarm:test-*")
        assert statement["Condition"]["StringEquals"].keys() == {"aws:SourceAccount"}


def test_only_roles_that_iam_allows_open_a_customers_key_and_only_in_the_name_of_a_customer(
    resources: list[Resource], world: World
) -> None:
    (key,) = [key for key in all_of(resources, "aws_kms_key") if key["arn"] == world.deployment.wrapping_key_arn]
    uses = [
        (policy["role"], statement)
        for policy in all_of(resources, "aws_iam_role_policy")
        for statement in statements(policy["policy"])
        if key["arn"] in as_list(statement["Resource"])
    ]

    assert [statement["Sid"] for statement in statements(key["policy"])] == ["AdministerByIam"]
    assert (key["enable_key_rotation"], key["deletion_window_in_days"]) == (True, 30)
    assert {role for role, _ in uses} == {
        *("test-customer-service-api", "test-customer-service-trigger", "test-support-service-api")
    }
    for _, statement in uses:
        assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
        assert statement["Condition"] == {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "customer_id"}}


def test_every_dead_letter_queue_and_every_function_has_its_alarm(resources: list[Resource]) -> None:
    """But for what the notifications themselves left: that is Prometheus' to tell."""
    (topic,) = all_of(resources, "aws_sns_topic")
    alarms = all_of(resources, "aws_cloudwatch_metric_alarm")
    watched = {(alarm["metric_name"], value) for alarm in alarms for value in (alarm["dimensions"] or {}).values()}
    dead_letters = {queue["name"] for queue in all_of(resources, "aws_sqs_queue") if queue["name"].endswith("-dlq")}
    dead_letters.remove("test-notification-dlq")
    functions = {function["function_name"] for function in all_of(resources, "aws_lambda_function")}

    assert watched >= {("ApproximateNumberOfMessagesVisible", name) for name in dead_letters}
    assert watched >= {(metric, name) for metric in ("Errors", "Throttles") for name in functions}
    assert ("IteratorAge", "test-event-relay-handler") in watched
    assert all(alarm["alarm_actions"] == [topic["arn"]] for alarm in alarms)


def test_every_service_and_every_queue_is_in_what_the_tasks_are_told(
    plan: Mapping[str, Any], resources: list[Resource]
) -> None:
    """A service that the list in infra/modules/pulsequeue/services.tf lacks runs, and nobody pauses or watches it."""
    told = plan["planned_values"]["outputs"]["deployment"]["value"]
    packaged = {
        f"{file.parent.name}-{file.stem}".replace("_", "-")
        for kind in ("handler", "api", "trigger")
        for file in (REPO_ROOT / "services").glob(f"*/{kind}.py")
    }
    functions = {function["function_name"] for function in all_of(resources, "aws_lambda_function")}
    queues = {queue["name"] for queue in all_of(resources, "aws_sqs_queue")}

    assert functions == {f"test-{name}" for name in packaged}
    assert {service: each["name"] for service, each in told["functions"].items()} == {
        name.removesuffix("-handler"): f"test-{name}" for name in packaged
    }
    assert {each["name"] for kind in ("queues", "dead_letters") for each in told[kind].values()} == queues
    assert set(told["tables"].values()) == {table["name"] for table in all_of(resources, "aws_dynamodb_table")}
    assert set(told["buses"].values()) == {bus["name"] for bus in all_of(resources, "aws_cloudwatch_event_bus")}


def test_no_alert_takes_both_paths(resources: list[Resource]) -> None:
    """What CloudWatch has an alarm for is told by it alone: of the same name, and of each queue of dead letters."""
    alarms = all_of(resources, "aws_cloudwatch_metric_alarm")
    names = {alarm["alarm_name"].removeprefix("test-").partition("-")[0] for alarm in alarms}
    watched = {(alarm["dimensions"] or {}).get("QueueName", "").removeprefix("test-") for alarm in alarms}
    queues = {queue["name"].removeprefix("test-") for queue in all_of(resources, "aws_sqs_queue")}
    dead_letters = {name for name in queues if name.endswith("-dlq")}
    alerts = rules("alert")

    told_by_cloudwatch = {rule["alert"] for rule in alerts if rule["labels"].get("notified_by") == "cloudwatch"}

    assert told_by_cloudwatch == names & {rule["alert"] for rule in alerts}
    for rule in alerts:
        for selector in selectors(rule["expr"]):
            if selector.metric == "dead_letters":
                read = _selected(selector, "queue", dead_letters)
                assert read == (watched & dead_letters if rule["alert"] in told_by_cloudwatch else read - watched)


def _selected(selector: Selector, label: str, values: set[str]) -> set[str]:
    """Those of a label's values that the selector lets through."""
    passes: dict[str, Callable[[str, str], bool]] = {
        "=": lambda value, wanted: value == wanted,
        "!=": lambda value, wanted: value != wanted,
        "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
        "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
    }
    matchers = [(operator, wanted) for name, operator, wanted in selector.matchers if name == label]
    return {value for value in values if all(passes[operator](value, wanted) for operator, wanted in matchers)}


def test_every_alarm_has_an_entry_in_the_runbook(resources: list[Resource]) -> None:
    runbook = (REPO_ROOT / "docs" / "runbook.md").read_text()
    entries = {line.removeprefix("## ").lower() for line in runbook.splitlines() if line.startswith("## ")}

    linked = {
        alarm["alarm_description"].rpartition("Runbook: docs/runbook.md#")[2]
        for alarm in all_of(resources, "aws_cloudwatch_metric_alarm")
    }

    assert linked <= entries


def test_no_secret_passes_through_terraform(resources: list[Resource]) -> None:
    """What Terraform makes is in its state, in plain: the tasks write the secrets, and the functions read them."""
    kinds = {resource["type"] for resource in resources}
    settings = [function["environment"][0]["variables"] for function in all_of(resources, "aws_lambda_function")]

    assert not [kind for kind in kinds if kind.startswith(("aws_ssm_parameter", "aws_secretsmanager", "random_"))]
    secret = {name for names in settings for name in names if re.search("TOKEN|WEBHOOK|PASSWORD|SECRET", name)}
    assert secret == {
        "CARRIER_SECRET_PARAMETER",
        "METRICS_TOKEN_PARAMETER",
        "CURSOR_SECRET_PARAMETER",
        "SLACK_WEBHOOK_PARAMETER",
        "TEAMS_WEBHOOK_PARAMETER",
    }
