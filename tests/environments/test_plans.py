"""Development, staging and production: the same modules, planned beside each other, differ only where they should."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scripts.deploy import environments, planning
from scripts.deploy.own_deployment import make_state_bucket, own_emulator
from scripts.deploy.target import Target

_ENVIRONMENTS = ("dev", "staging", "prod")

_DIFFERENCES = {
    "aws_cloudwatch_event_archive.retention_days": {(30, 30, 365)},
    "aws_cloudwatch_log_group.retention_in_days": {(14, 30, 365)},
    "aws_cognito_user_pool.deletion_protection": {("INACTIVE", "INACTIVE", "ACTIVE")},
    "aws_dynamodb_table.deletion_protection_enabled": {(False, False, True)},
    "aws_lambda_event_source_mapping.scaling_config.0.maximum_concurrency": {(2, 10, 10)},
    "aws_lambda_function.environment.0.variables.TRACKING_INTERVAL_SECONDS": {("60", "21600", "21600")},
    "deployment.allow_forced_payment_result": {(True, False, False)},
}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with own_emulator({"ENVIRONMENT": "test", "PULSEQUEUE_INSTANCE": "plans"}) as target:
        yield target


@pytest.fixture(scope="module")
def plans(target: Target) -> list[dict[str, Any]]:
    """What each environment would make in an account that has none."""
    environ = {name: value for name, value in target.environ.items() if not name.startswith("TF_VAR_")}
    return [_plan(replace(target, environment=name, environ=environ)) for name in _ENVIRONMENTS]


def _plan(target: Target) -> dict[str, Any]:
    make_state_bucket(target)
    planning.plan(target)
    return planning.read_plan(target)


def test_the_environments_differ_only_where_they_should(plans: list[dict[str, Any]]) -> None:
    dev, staging, prod = (_planned(plan, name) for plan, name in zip(plans, _ENVIRONMENTS, strict=True))

    assert dev.keys() == staging.keys() == prod.keys()
    found: dict[str, set[tuple[object, ...]]] = {}
    for (address, path), value in dev.items():
        values = (value, staging[address, path], prod[address, path])
        if len(set(values)) > 1:
            found.setdefault(f"{_kind(address)}.{path}", set()).add(values)
    assert found == _DIFFERENCES


def test_each_environment_has_a_state_of_its_own(target: Target) -> None:
    targets = [replace(target, environment=name) for name in _ENVIRONMENTS]

    assert len({one.prefix for one in targets}) == len(targets)
    assert len({one.state_folder for one in targets}) == len(targets)
    assert len({environments.root_of(one) for one in targets}) == len(targets)


def _planned(plan: dict[str, Any], environment: str) -> dict[tuple[str, str], object]:
    """Give every value by what has it and its path in that; the environment's name stands as {env}.

    A function's settings are unknown as a whole before the queues have URLs: the output says what goes into them.
    """
    described = dict(_resources(plan["planned_values"]["root_module"]))
    described["deployment"] = plan["output_changes"]["deployment"]["after"]
    return {
        (address, path): re.sub(rf"\b{environment}\b", "{env}", value) if isinstance(value, str) else value
        for address, values in described.items()
        for path, value in _leaves(values)
    }


def _resources(module: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for resource in module.get("resources", []):
        yield resource["address"], resource.get("values", {})
    for child in module.get("child_modules", []):
        yield from _resources(child)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, object]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, str(value) if isinstance(value, dict | list) else value


def _kind(address: str) -> str:
    """Read aws_sqs_queue off module.x["y"].aws_sqs_queue.this["z"]."""
    *_, kind = re.findall(r"\b(aws_\w+)\.", address) or [address]
    return str(kind)
