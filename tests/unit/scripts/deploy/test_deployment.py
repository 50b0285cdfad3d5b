from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.deploy import deployment, environments
from scripts.deploy.target import Target
from scripts.operate.post_deploy_suite import Case, Expectation
from scripts.post_deploy_test import order_id_for
from services.payment_service.simulated_gateway import accepts
from tests.unit.conftest import make_deployment


@pytest.mark.parametrize(
    ("environment", "root"), [("dev", "dev"), ("ada", "dev"), ("staging", "staging"), ("prod", "prod")]
)
def test_an_environment_without_a_root_of_its_own_is_one_for_development(environment: str, root: str) -> None:
    assert environments.root_of(Target("local", environment)).name == root


def test_production_is_not_deployed_as_development_is() -> None:
    environments.check_for_development(Target("local", "ada"))
    with pytest.raises(UserError, match=r"prod is deployed in steps, each with --target local: build, plan"):
        environments.check_for_development(Target("local", "prod"))


@pytest.mark.parametrize(
    ("environment", "how"),
    [("dev", "`invoke deploy-dev --target aws`"), ("prod", "prod is deployed in steps, each with --target aws: build")],
)
def test_where_nothing_is_deployed_a_person_is_told_how_to(
    monkeypatch: pytest.MonkeyPatch, environment: str, how: str
) -> None:
    monkeypatch.setattr(deployment, "read_outputs", lambda _: {})

    with pytest.raises(UserError) as refused:
        deployment.Deployment.of(Target("aws", environment))
    assert str(refused.value).startswith(f"nothing is deployed as {environment} to aws: {how}")


def test_a_mistyped_environment_is_told_which_ones_are_deployed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(deployment, "read_outputs", lambda _: {})
    monkeypatch.setattr(Target, "state_folder", property(lambda target: tmp_path / target.environment))
    Path(tmp_path, "dev").mkdir()
    Path(tmp_path, "dev", "outputs.json").touch()

    with pytest.raises(UserError, match=r"nothing is deployed as dve to local \(but dev is\): "):
        deployment.Deployment.of(Target("local", "dve"))


def _refusal(monkeypatch: pytest.MonkeyPatch, made: object) -> str:
    monkeypatch.setattr(deployment, "read_outputs", lambda _: {"deployment": made})
    with pytest.raises(UserError) as refused:
        deployment.Deployment.of(Target("aws", "dev"))
    return str(refused.value)


def test_of_an_older_revision_what_is_deployed_is_told_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _refusal(monkeypatch, {"order_bus_name": "dev-order-bus", "runbook_url": "docs/runbook.md"})

    assert said.startswith("another revision is deployed as dev to aws: its output has no valid environment, ")
    assert "queues" in said
    assert "runbook_url" not in said
    assert said.endswith(": `invoke deploy-dev --target aws`")


@pytest.mark.parametrize(
    ("part", "of_old", "lacking"),
    [
        ("buses", {"order": "dev-order-bus"}, "buses"),
        ("tables", {"event-store": "a", "inventory": "b", "metrics": "c", "simulated-gateway": "d"}, "tables.deadline"),
        ("queues", {"order": {"name": "a", "url": "b", "service": "c"}}, "queues.order.dead_letters"),
        ("functions", {"order-service": {"name": "a"}}, "functions.order-service.log_group"),
    ],
)
def test_a_part_that_an_older_revision_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, part: str, of_old: object, lacking: str
) -> None:
    made = make_deployment().model_dump(by_alias=True)

    assert f"has no valid {lacking}" in _refusal(monkeypatch, made | {part: of_old})


def test_what_a_newer_revision_made_besides_is_kept_apart_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_deployment().model_dump(by_alias=True)
    made |= {"buses": made["buses"] | {"shop": "dev-shop-bus"}, "later": {}}
    made["tables"] |= {"customer-key": "dev-customer-key-table"}
    monkeypatch.setattr(deployment, "read_outputs", lambda _: {"deployment": made})

    read = deployment.Deployment.of(Target("aws", "dev"))

    assert read.buses["shop"] == "dev-shop-bus"
    assert read.tables.by_name()["customer-key"] == "dev-customer-key-table"
    assert read.tables.by_name()["event-store"] == read.tables.event_store


@pytest.mark.parametrize("wanted", ["SUCCESS", "FAILURE"])
def test_where_no_payment_can_be_forced_the_post_deploy_test_takes_an_order_that_ends_as_it_wants(wanted: str) -> None:
    case = Case(name="paid", order={"_postDeployTestForceResult": wanted}, expect=Expectation(events=[]))
    unforced = make_deployment(allow_forced_payment_result=False, payment_success_rate=0.5)

    assert all(accepts(order_id_for(case, unforced), 0.5) is (wanted == "SUCCESS") for _ in range(10))
