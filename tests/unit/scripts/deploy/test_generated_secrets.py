import pytest

from scripts.deploy import generated_secrets
from scripts.deploy.generated_secrets import FRONT_DOOR, GRAFANA_PASSWORD, METRICS_TOKEN
from scripts.deploy.target import Target

PARAMETER = "/test/metrics-token"


pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def target() -> Target:
    return Target("aws", "test")


def test_a_token_is_made_once_long_and_encrypted(target: Target) -> None:
    token = generated_secrets.ensure(target, METRICS_TOKEN)

    assert generated_secrets.ensure(target, METRICS_TOKEN) == token
    assert len(token) == 43
    assert target.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Type"] == "SecureString"


def test_without_a_token_there_is_none_to_read(target: Target) -> None:
    assert generated_secrets.read(target, "metrics-token") is None


def test_the_task_makes_one_and_says_nothing_of_it(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    generated_secrets.provide_secret(target, METRICS_TOKEN, rotate=False, show=False)

    token = generated_secrets.read(target, "metrics-token")
    shown = capsys.readouterr().out
    assert token
    assert token not in shown
    assert f"{PARAMETER} is new" in shown


def test_the_task_keeps_a_token_unless_told_to_rotate(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    first = generated_secrets.ensure(target, METRICS_TOKEN)

    generated_secrets.provide_secret(target, METRICS_TOKEN, rotate=False, show=True)
    assert first in capsys.readouterr().out

    generated_secrets.provide_secret(target, METRICS_TOKEN, rotate=True, show=False)
    assert generated_secrets.read(target, "metrics-token") != first
    assert "monitor.up" in capsys.readouterr().out


def test_each_secret_has_a_place_of_its_own(target: Target) -> None:
    made = {generated_secrets.ensure(target, secret) for secret in (METRICS_TOKEN, GRAFANA_PASSWORD, *FRONT_DOOR)}

    assert len(made) == 4
    assert generated_secrets.read(target, "carrier-secret")
    assert generated_secrets.read(target, "cursor-secret")
    assert generated_secrets.read(target, "grafana-admin-password")
