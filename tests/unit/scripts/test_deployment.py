from dataclasses import replace

import pytest

from scripts import deployment
from scripts.errors import UserError
from scripts.post_deploy_test import Case, Expectation, order_id_for
from scripts.target import Target
from services.payment_service.simulated_gateway import accepts
from tests.unit.conftest import Aws


@pytest.mark.parametrize(
    ("environment", "root"), [("dev", "dev"), ("ada", "dev"), ("staging", "staging"), ("prod", "prod")]
)
def test_an_environment_without_a_root_of_its_own_is_one_for_development(environment: str, root: str) -> None:
    assert deployment.root_of(Target("local", environment)).name == root


def test_production_is_not_deployed_as_development_is() -> None:
    deployment.check_for_development(Target("local", "ada"))
    with pytest.raises(UserError, match=r"prod is deployed in steps, each with --target local: build, plan"):
        deployment.check_for_development(Target("local", "prod"))


@pytest.mark.parametrize(
    ("environment", "how"),
    [("dev", "`invoke deploy-dev --target aws`"), ("prod", "prod is deployed in steps, each with --target aws: build")],
)
def test_where_nothing_is_deployed_a_person_is_told_how_to(
    monkeypatch: pytest.MonkeyPatch, environment: str, how: str
) -> None:
    monkeypatch.setattr(deployment, "_outputs", lambda _: {})

    with pytest.raises(UserError) as refused:
        deployment.Deployment.of(Target("aws", environment))
    assert str(refused.value).startswith(f"nothing is deployed as {environment} to aws: {how}")


def test_of_an_older_revision_what_is_deployed_is_told_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "_outputs", lambda _: {"deployment": {"order_bus_name": "dev-order-bus"}})

    with pytest.raises(UserError, match=r"deployed as dev to aws is of an older revision, .*runbook_url.*deploy-dev"):
        deployment.Deployment.of(Target("aws", "dev"))


@pytest.mark.parametrize("wanted", ["SUCCESS", "FAILURE"])
def test_where_no_payment_can_be_forced_the_post_deploy_test_takes_an_order_that_ends_as_it_wants(
    aws: Aws, wanted: str
) -> None:
    case = Case(name="paid", order={"_postDeployTestForceResult": wanted}, expect=Expectation(events=[]))
    unforced = replace(aws.deployment, allow_forced_payment_result=False, payment_success_rate=0.5)

    assert all(accepts(order_id_for(case, unforced), 0.5) is (wanted == "SUCCESS") for _ in range(10))
