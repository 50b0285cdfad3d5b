import os
import sys
from pathlib import Path

import pytest

from scripts.cli import pip
from scripts.cli.errors import UserError

LISTED = """\
global.index-url='https://mirror.example/simple'
global.timeout='9'
global.trusted-host='\\na.example\\nb.example'
install.find-links='/wheels'
install.target='/elsewhere'
install.user='true'
:env:.no-deps='1'
:env:.timeout='20'
"""


def test_settings_of_pip_say_where_packages_come_from_and_nothing_else() -> None:
    assert pip.pip_sources(LISTED) == {
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_TIMEOUT": "20",
        "PIP_TRUSTED_HOST": "a.example b.example",
        "PIP_FIND_LINKS": "/wheels",
    }


def test_a_settings_file_does_not_send_packages_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, requirements, elsewhere = tmp_path / "pip.conf", tmp_path / "none.txt", tmp_path / "elsewhere"
    settings.write_text(f"[install]\nuser = true\nprefix = {elsewhere}\nrequirement = {tmp_path / 'missing.txt'}\n")
    requirements.write_text("")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_USER", "1")

    pip.install(Path(sys.executable), requirements)

    assert not elsewhere.exists()


def test_a_failed_installation_has_the_words_of_pip(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("no-such-package==1 --hash=sha256:" + "0" * 64)
    options = ("--no-index", f"--target={tmp_path / 'packages'}")

    with pytest.raises(UserError, match=r"pip install(?s:.*)no-such-package"):
        pip.install(Path(sys.executable), tmp_path / "bad.txt", *options)

    assert "PIP_NO_INDEX" not in os.environ
