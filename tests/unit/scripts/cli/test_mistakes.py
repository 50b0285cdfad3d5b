import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, InvalidDefaultsMode

from scripts.cli.errors import UserError
from scripts.cli.mistakes import mistakes_explained


def failing(error: Exception) -> Callable[[], None]:
    def step() -> None:
        with mistakes_explained():
            raise error

    return step


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutItem")


DENIALS = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("there is no plan: [do] this"), "there is no plan: [do] this"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"), "invoke local-up"),
        (refusal("ExpiredToken"), "does not accept these credentials"),
        *((refusal(code), "PutItem: these credentials may not do it") for code in DENIALS),
    ],
)
def test_a_mistake_becomes_a_message_and_exit_code_1(
    error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        failing(error)()

    assert exit_.value.code == 1
    assert message in capsys.readouterr().err


def in_a_file(folder: Path) -> None:
    (folder / "file").touch()
    (folder / "file" / "report.json").write_text("{}")


def over_a_folder(folder: Path) -> None:
    folder.write_text("{}", encoding="utf-8")


def over_a_file(folder: Path) -> None:
    (folder / "file").touch()
    (folder / "file").mkdir()


def by_a_name_that_is_too_long(folder: Path) -> None:
    (folder / ("x" * 300)).write_text("{}")


def nowhere(folder: Path) -> None:
    (folder / "gone" / "report.json").read_text()


def where_it_is_forbidden(folder: Path) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", str(folder / "report.json"))


@pytest.mark.parametrize(
    "use", [in_a_file, over_a_folder, over_a_file, by_a_name_that_is_too_long, nowhere, where_it_is_forbidden]
)
def test_a_path_that_cannot_be_written_or_read_is_named(
    use: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_, mistakes_explained():
        use(tmp_path)

    assert exit_.value.code == 1
    assert str(tmp_path) in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize("file", [None, "/disk/report.json"])
def test_a_full_disk_is_named(file: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        failing(OSError(errno.ENOSPC, "No space left on device", file))()

    said = capsys.readouterr().err
    assert said.startswith(f"{file}: No space" if file else "No space left on device: make room on the disk")


def test_a_bad_setting_that_no_variable_has_is_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        failing(InvalidDefaultsMode(mode="bad-value", valid_modes="standard"))()

    assert "correct or unset the AWS settings in ~/.aws/config" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        KeyError("bug"),
        refusal("ValidationException"),
        PermissionError(errno.EPERM, "bug"),
        BlockingIOError(errno.EAGAIN, "bug", "pipe"),
    ],
)
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        failing(error)()
