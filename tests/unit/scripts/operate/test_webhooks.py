import io
from typing import TYPE_CHECKING, cast

import boto3
import pytest

from scripts.cli.errors import UserError
from scripts.deploy.target import Target
from scripts.operate.webhooks import remove_webhook, set_webhook
from tests.unit.conftest import REGION

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

URL = "https://hooks.example.org/services/secret-path"

pytestmark = pytest.mark.usefixtures("aws")


class _Target:
    environment = "dev"

    @staticmethod
    def client(_: str) -> "SSMClient":
        return boto3.client("ssm", REGION)


TARGET = cast("Target", _Target())


def _set(monkeypatch: pytest.MonkeyPatch, channel: str, typed: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    set_webhook(TARGET, channel)


def _stored(channel: str) -> tuple[str, str]:
    parameter = TARGET.client("ssm").get_parameter(Name=f"/dev/{channel}-webhook-url", WithDecryption=True)["Parameter"]
    return parameter["Type"], parameter["Value"]


def test_a_piped_url_is_kept_encrypted_and_can_be_replaced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _set(monkeypatch, "slack", f"{URL}-old\n")
    _set(monkeypatch, "slack", f"{URL}\n")

    assert _stored("slack") == ("SecureString", URL)
    assert "secret-path" not in capsys.readouterr().out


def test_a_terminal_is_asked_without_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("scripts.operate.webhooks.getpass", lambda _: URL)

    set_webhook(TARGET, "teams")

    assert _stored("teams") == ("SecureString", URL)


@pytest.mark.parametrize("typed", ["", "hooks.example.org/secret-path", "http://hooks.example.org/secret-path"])
def test_what_is_no_https_url_changes_nothing_and_is_not_repeated(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    _set(monkeypatch, "slack", URL)

    with pytest.raises(UserError, match="not an https URL") as refusal:
        _set(monkeypatch, "slack", typed)

    assert "secret-path" not in str(refusal.value)
    assert _stored("slack") == ("SecureString", URL)


def test_another_channel_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match="there is no channel 'irc': use slack or teams"):
        set_webhook(TARGET, "irc")


def test_a_webhook_can_be_removed_twice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _set(monkeypatch, "slack", URL)

    remove_webhook(TARGET, "slack")
    remove_webhook(TARGET, "slack")

    printed = capsys.readouterr().out
    assert "is removed" in printed
    assert "was not set" in printed
