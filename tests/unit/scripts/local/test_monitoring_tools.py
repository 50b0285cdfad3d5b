from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.local import monitoring_tools
from scripts.local.monitoring_tools import find, provide


@pytest.fixture(autouse=True)
def local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(monitoring_tools, "LOCAL_FOLDER", tmp_path / "local")
    return tmp_path / "local"


def program(path: Path, text: str = "#!/bin/sh\necho 'it, version 2.42.0+ds (branch: x)'\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def install(folder: Path, alertmanager: str = "alertmanager") -> dict[str, str]:
    for name in ("prometheus", "promtool", "amtool", alertmanager):
        program(folder / name)
    return {"PATH": str(folder)}


def test_tools_on_path_come_first(tmp_path: Path, local_folder: Path) -> None:
    environ = install(tmp_path / "bin")
    install(local_folder / "monitoring-tools" / "usr" / "bin")

    assert find(environ).prometheus == tmp_path / "bin" / "prometheus"


def test_fetched_tools_serve_where_path_has_none_and_debians_name_is_known(local_folder: Path) -> None:
    folder = local_folder / "monitoring-tools" / "usr" / "bin"
    install(folder, alertmanager="prometheus-alertmanager")

    assert find({"PATH": ""}).alertmanager == folder / "prometheus-alertmanager"


def test_what_is_missing_is_named_with_ways_to_get_it(tmp_path: Path) -> None:
    environ = install(tmp_path)
    (tmp_path / "amtool").unlink()

    with pytest.raises(UserError, match=r"not found: amtool\. .*invoke monitor.tools.*brew.*PATH"):
        find(environ)


@pytest.mark.parametrize(("version", "knows"), [("0.25.0", False), ("0.28.0", True), ("0.31.1", True), ("1.0.0", True)])
def test_an_old_alertmanager_knows_no_teams(tmp_path: Path, version: str, knows: bool) -> None:  # noqa: FBT001 - a case
    environ = install(tmp_path)
    program(tmp_path / "alertmanager", f"#!/bin/sh\necho 'alertmanager, version {version} (branch: HEAD)'\n")

    assert find(environ).knows_teams is knows


def test_packages_are_unpacked_and_nothing_is_installed(
    tmp_path: Path, local_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "calls"
    tool = program(tmp_path / "tool", "#!/bin/sh\necho it, version 2.42.0 # /usr/share/prometheus/alertmanager\n")
    program(tmp_path / "apt" / "apt-get", f'#!/bin/sh\necho "apt-get $@" >> {log}\ntouch one.deb\n')
    program(
        tmp_path / "apt" / "dpkg-deb",
        f'#!/bin/sh\necho "dpkg-deb $1" >> {log}\nmkdir -p "$3/usr/bin"\n'
        "for name in prometheus promtool prometheus-alertmanager amtool; do\n"
        f'  cp {tool} "$3/usr/bin/$name"\ndone\n',
    )
    monkeypatch.setenv("PATH", str(tmp_path / "apt"), prepend=":")

    provide({"PATH": ""})

    assert log.read_text().splitlines() == ["apt-get download prometheus prometheus-alertmanager", "dpkg-deb -x"]
    tools = find({"PATH": ""})
    assert tools.amtool.is_relative_to(local_folder)
    assert "usr//share/prometheus/alertmanager" in tools.alertmanager.read_text()
    assert len(tools.alertmanager.read_bytes()) == len(tool.read_bytes())


def test_apt_gets_refusal_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "apt" / "apt-get", "#!/bin/sh\nexit 100\n")
    program(tmp_path / "apt" / "dpkg-deb")
    monkeypatch.setenv("PATH", str(tmp_path / "apt"))

    with pytest.raises(UserError, match=r"cannot download.*online"):
        provide({"PATH": ""})
