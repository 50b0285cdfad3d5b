import pytest

from scripts import made_secrets
from scripts.made_secrets import GRAFANA_PASSWORD, METRICS_TOKEN
from scripts.target import Target

PARAMETER = "/test/metrics-token"


pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def target() -> Target:
    return Target("aws", "test")


def test_a_token_is_made_once_long_and_encrypted(target: Target) -> None:
    token = made_secrets.ensure(target, METRICS_TOKEN)

    assert made_secrets.ensure(target, METRICS_TOKEN) == token
    assert len(token) == 43
    assert target.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Type"] == "SecureString"


def test_without_a_token_there_is_none_to_read(target: Target) -> None:
    assert made_secrets.read(target, "metrics-token") is None


def test_the_task_makes_one_and_says_nothing_of_it(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    made_secrets.run(target, METRICS_TOKEN, rotate=False, show=False)

    token = made_secrets.read(target, "metrics-token")
    shown = capsys.readouterr().out
    assert token
    assert token not in shown
    assert f"{PARAMETER} is new" in shown


def test_the_task_keeps_a_token_unless_told_to_rotate(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    first = made_secrets.ensure(target, METRICS_TOKEN)

    made_secrets.run(target, METRICS_TOKEN, rotate=False, show=True)
    assert first in capsys.readouterr().out

    made_secrets.run(target, METRICS_TOKEN, rotate=True, show=False)
    assert made_secrets.read(target, "metrics-token") != first
    assert "monitoring-up" in capsys.readouterr().out


def test_each_secret_has_a_place_of_its_own(target: Target) -> None:
    assert made_secrets.ensure(target, METRICS_TOKEN) != made_secrets.ensure(target, GRAFANA_PASSWORD)
    assert made_secrets.read(target, "grafana-admin-password")
