"""Who is wired to whom, read off a plan: who drains a queue, where a rule takes an event, who may write commits."""

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from scripts.deploy.deployment import Deployment
from tests.integration.plans import Resource, all_of, as_list, statements

NOBODY = "nobody"
# Whatever adds or changes an item; a transaction needs the right to each of its parts.
_WRITES = {"PutItem", "UpdateItem", "PartiQLInsert", "PartiQLUpdate", "BatchWriteItem"}

Delivery = tuple[str, str, str]
"""A bus, the type of an event, and the function that gets it."""


def drained_by(resources: Sequence[Resource], deployment: Deployment) -> dict[str, list[str]]:
    """The functions whose enabled mappings take from each queue that is no queue of dead letters, by its name."""
    dead_letters = {queue.name for queue in deployment.dead_letters.values()}
    readers = _readers(resources, deployment)
    return {
        queue["name"]: readers.get(queue["arn"], [])
        for queue in all_of(resources, "aws_sqs_queue")
        if queue["name"] not in dead_letters
    }


def deliveries(resources: Sequence[Resource], deployment: Deployment) -> set[Delivery]:
    """Where the rules take which event of a bus's own source, to NOBODY where no function takes from the queue."""
    readers = _readers(resources, deployment)
    patterns = dict(_patterns(resources, deployment))
    return {
        (bus, kind, reader)
        for target in all_of(resources, "aws_cloudwatch_event_target")
        for bus, kinds in patterns.get((target["rule"], target["event_bus_name"]), ())
        for kind in kinds
        for reader in readers.get(target["arn"], [NOBODY])
    }


def committing(resources: Sequence[Resource], deployment: Deployment) -> set[str]:
    """The functions whose role may write into the event store."""
    (store,) = [
        table["arn"]
        for table in all_of(resources, "aws_dynamodb_table")
        if table["name"] == deployment.tables.event_store
    ]
    return {
        service
        for arn, service in _services(resources, deployment).items()
        for resource, actions in permissions(resources, arn).items()
        if fnmatchcase(store, resource) and any(_may_write(action) for action in actions)
    }


def permissions(resources: Sequence[Resource], function_arn: str) -> dict[str, set[str]]:
    """The actions that the function's role may do, by resource."""
    role = next(
        function["role"] for function in all_of(resources, "aws_lambda_function") if function["arn"] == function_arn
    ).rpartition("/")[2]
    allowed: dict[str, set[str]] = {}
    for policy in all_of(resources, "aws_iam_role_policy"):
        if policy["role"] == role:
            for statement in statements(policy["policy"]):
                for resource in as_list(statement["Resource"]):
                    allowed.setdefault(resource, set()).update(as_list(statement["Action"]))
    return allowed


def _may_write(allowed: str) -> bool:
    return any(fnmatchcase(f"dynamodb:{action}", allowed) for action in _WRITES)


def _services(resources: Sequence[Resource], deployment: Deployment) -> dict[str, str]:
    """By the ARN of the function; one that the map does not have is told by its name in AWS."""
    known: dict[str, str] = {function.name: service for service, function in deployment.functions.items()}
    functions = all_of(resources, "aws_lambda_function")
    names: dict[str, str] = {function["arn"]: function["function_name"] for function in functions}
    return {arn: known.get(name, name) for arn, name in names.items()}


def _readers(resources: Sequence[Resource], deployment: Deployment) -> Mapping[str, list[str]]:
    """By the ARN of what is read."""
    services = _services(resources, deployment)
    found: dict[str, list[str]] = {}
    for mapping in all_of(resources, "aws_lambda_event_source_mapping"):
        if mapping["enabled"]:
            found.setdefault(mapping["event_source_arn"], []).append(services[mapping["function_arn"]])
    return found


def _patterns(
    resources: Sequence[Resource], deployment: Deployment
) -> Iterator[tuple[tuple[str, str], list[tuple[str, list[str]]]]]:
    """What each rule of a bus lets through, by its name and its bus's: of which bus, and which types of events."""
    buses = {name: bus for bus, name in deployment.buses.items()}
    for rule in all_of(resources, "aws_cloudwatch_event_rule"):
        if bus := buses.get(rule["event_bus_name"]):
            pattern = json.loads(rule["event_pattern"])
            let_through = [(bus, pattern["detail-type"])] if f"{bus}.service" in pattern["source"] else []
            yield (rule["name"], rule["event_bus_name"]), let_through


def refusal_of_plain_http(policy: str) -> Mapping[str, Any]:
    """The policy's one denial, which must be of everybody who comes without TLS."""
    (denial,) = [statement for statement in statements(policy) if statement["Effect"] == "Deny"]
    assert denial["Principal"] in ("*", {"AWS": "*"})
    assert denial["Condition"]["Bool"] == {"aws:SecureTransport": "false"}
    # The embedded AWS has no TLS, and is called from its own host; on AWS no request comes from there.
    others = {test: keys for test, keys in denial["Condition"].items() if test != "Bool"}
    assert others in ({}, {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}})
    return denial
