import pytest

from scripts import metrics_token
from scripts.target import Target

PARAMETER = "/test/metrics-token"


pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def target() -> Target:
    return Target("aws", "test")


def test_a_token_is_made_once_long_and_encrypted(target: Target) -> None:
    token = metrics_token.ensure(target)

    assert metrics_token.ensure(target) == token
    assert len(token) == 43
    assert target.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Type"] == "SecureString"


def test_without_a_token_there_is_none_to_read(target: Target) -> None:
    assert metrics_token.read(target) is None


def test_the_task_makes_one_and_says_nothing_of_it(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    metrics_token.run(target, rotate=False, show=False)

    token = metrics_token.read(target)
    shown = capsys.readouterr().out
    assert token
    assert token not in shown
    assert f"{PARAMETER} is new" in shown


def test_the_task_keeps_a_token_unless_told_to_rotate(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    first = metrics_token.ensure(target)

    metrics_token.run(target, rotate=False, show=True)
    assert first in capsys.readouterr().out

    metrics_token.run(target, rotate=True, show=False)
    assert metrics_token.read(target) != first
    assert "monitoring-up" in capsys.readouterr().out
