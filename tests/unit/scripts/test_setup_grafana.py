"""Setting up a Grafana, on a server that keeps what it is given as Grafana does."""

import base64
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import setup_grafana
from scripts.cli.errors import UserError
from scripts.monitor.grafana import dashboards

_PROMETHEUS = "http://prometheus.test:9090"
_PASSWORD = "a-secret-password"  # noqa: S105 - of the server below
_DASHBOARDS = len(dashboards.build())
_DATA_SOURCE = "api/datasources/uid/pulsequeue-prometheus"


class FakeGrafana(ThreadingHTTPServer):
    """Keeps folders, data sources and dashboards by path; `answers` overrides a path's answer by status and body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stored: dict[str, dict[str, Any]] = {}
        self.changes: list[str] = []
        self.answers: dict[str, tuple[int, bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, status: int, body: Mapping[str, Any] | bytes) -> None:
        self.answers[path] = (status, body if isinstance(body, bytes) else json.dumps(body).encode())


class _Handler(BaseHTTPRequestHandler):
    server: FakeGrafana

    def do_GET(self) -> None:
        path = self._path
        if path == "api/health":
            self._send(200, {"database": "ok", "version": "11.6.0"})
        elif path in self.server.stored:
            self._send(200, self.server.stored[path])
        elif path.endswith("/health"):
            self._send(200, {"status": "OK", "message": "Successfully queried the Prometheus API."})
        else:
            self._send(404, {"message": "not found"})

    def do_POST(self) -> None:
        body = self._read()
        if self._path == "api/dashboards/db":
            assert body["overwrite"]
            board = {**body["dashboard"], "id": 7, "version": 1}
            self._keep(
                f"api/dashboards/uid/{board['uid']}", {"dashboard": board, "meta": {"folderUid": body["folderUid"]}}
            )
        elif self._path == "api/datasources":
            self._keep(f"api/datasources/uid/{body['uid']}", {**body, "id": 1, "readOnly": False})
        else:
            self._keep(f"{self._path}/{body['uid']}", {**body, "id": 3})

    def do_PUT(self) -> None:
        self._keep(self._path, self.server.stored[self._path] | self._read())

    @property
    def _path(self) -> str:
        return self.path.lstrip("/")

    def _read(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return body

    def _keep(self, path: str, content: dict[str, Any]) -> None:
        credentials = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        if credentials == f"admin:{_PASSWORD}" and self._path not in self.server.answers:
            self.server.stored[path] = content
            self.server.changes.append(path)
        self._send(200, content)

    def _send(self, status: int, body: Mapping[str, Any]) -> None:
        content = json.dumps(body).encode()
        credentials = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        if credentials != f"admin:{_PASSWORD}" and self._path != "api/health":
            status, content = 401, b'{"message": "Invalid username or password"}'
        status, content = self.server.answers.get(self._path, (status, content))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", content.decode())
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def _serving() -> Iterator[FakeGrafana]:
    with FakeGrafana() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with _serving() as server:
        yield server


def _set_up(
    grafana: FakeGrafana, user: str = "admin", password: str = _PASSWORD, prometheus: str = _PROMETHEUS
) -> None:
    setup_grafana.set_up(grafana.url, user, password, prometheus, {})


def test_a_new_grafana_gets_the_folder_the_data_source_and_every_dashboard(
    grafana: FakeGrafana, capsys: pytest.CaptureFixture[str]
) -> None:
    _set_up(grafana)

    said = capsys.readouterr().out
    boards = [content for path, content in grafana.stored.items() if path.startswith("api/dashboards/")]
    assert grafana.stored["api/folders/pulsequeue"]["title"] == "PulseQueue"
    assert grafana.stored[_DATA_SOURCE]["url"] == _PROMETHEUS
    assert grafana.stored[_DATA_SOURCE]["jsonData"] == {"httpMethod": "POST", "timeInterval": "30s"}
    assert {board["meta"]["folderUid"] for board in boards} == {"pulsequeue"}
    assert len(boards) == _DASHBOARDS
    assert said.count("created") == _DASHBOARDS + 2
    assert _PASSWORD not in said


def test_a_second_run_changes_nothing(grafana: FakeGrafana, capsys: pytest.CaptureFixture[str]) -> None:
    _set_up(grafana)
    grafana.changes.clear()
    capsys.readouterr()

    _set_up(grafana)

    assert grafana.changes == []
    assert capsys.readouterr().out.count("unchanged") == _DASHBOARDS + 2


def test_what_was_changed_by_hand_is_brought_back(grafana: FakeGrafana, capsys: pytest.CaptureFixture[str]) -> None:
    _set_up(grafana)
    before = json.loads(json.dumps(grafana.stored))
    grafana.stored["api/folders/pulsequeue"]["title"] = "Mine"
    grafana.stored["api/dashboards/uid/pulsequeue-queues"]["dashboard"]["panels"].pop()
    grafana.stored["api/dashboards/uid/pulsequeue-lambda"]["meta"]["folderUid"] = "mine"
    capsys.readouterr()

    _set_up(grafana)

    assert {**grafana.stored, "api/folders/pulsequeue": {}} == {**before, "api/folders/pulsequeue": {}}
    assert grafana.stored["api/folders/pulsequeue"]["title"] == "PulseQueue"
    assert capsys.readouterr().out.count("updated") == 3


def test_another_prometheus_updates_the_data_source_alone(grafana: FakeGrafana) -> None:
    _set_up(grafana)
    grafana.changes.clear()

    _set_up(grafana, prometheus="https://other.test/prometheus/")

    assert grafana.changes == [_DATA_SOURCE]
    assert grafana.stored[_DATA_SOURCE]["url"] == "https://other.test/prometheus"


def test_a_dash_takes_the_password_from_the_environment(grafana: FakeGrafana) -> None:
    setup_grafana.set_up(grafana.url, "admin", "-", _PROMETHEUS, {"GRAFANA_PASSWORD": _PASSWORD})

    assert _DATA_SOURCE in grafana.stored


def test_a_dash_without_a_password_in_the_environment_is_explained(grafana: FakeGrafana) -> None:
    with pytest.raises(UserError, match="`-` for the one in GRAFANA_PASSWORD"):
        _set_up(grafana, password="-")  # noqa: S106


def test_a_wrong_password_is_explained_without_showing_it(grafana: FakeGrafana) -> None:
    with pytest.raises(UserError, match="does not accept this password of the user 'admin'") as mistake:
        _set_up(grafana, password="not-the-one")  # noqa: S106

    assert "not-the-one" not in str(mistake.value)
    assert grafana.stored == {}


@pytest.mark.parametrize("path", ["api/folders", "api/datasources", "api/dashboards/db"])
def test_a_user_without_permission_is_explained(grafana: FakeGrafana, path: str) -> None:
    grafana.answer(path, 403, {"message": "Permission denied"})

    with pytest.raises(UserError, match=rf"may not POST {path} \(Permission denied\): it must be an administrator"):
        _set_up(grafana)


def test_what_grafana_says_of_a_fault_is_passed_on(grafana: FakeGrafana) -> None:
    grafana.answer("api/datasources", 409, {"message": "data source with the same name already exists"})

    with pytest.raises(UserError, match="answers 409 to POST api/datasources: data source with the same name"):
        _set_up(grafana)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (200, b'{"status": "UP"}'), (404, b'{"message": "no"}'), (200, b"[1]"), (404, b"")],
)
def test_a_server_that_is_no_grafana_is_explained(grafana: FakeGrafana, status: int, body: bytes) -> None:
    grafana.answer("api/health", status, body)

    with pytest.raises(UserError, match=r"what answers at .* is no Grafana"):
        _set_up(grafana)


def test_what_answers_in_the_place_of_a_grafana_is_shown(grafana: FakeGrafana) -> None:
    grafana.answer("api/health", 200, b"<html><title>Wiki</title><h1>Welcome</h1></html>")
    with pytest.raises(UserError, match=r"no Grafana \(200 OK, .*: Wiki Welcome\)"):
        _set_up(grafana)

    grafana.answer("api/health", 502, b"<html><h1>502 Bad Gateway</h1><hr>nginx</html>")
    with pytest.raises(UserError, match=r"a proxy answers .*502 Bad Gateway nginx\): is Grafana running behind it\?"):
        _set_up(grafana)


def test_a_server_that_sends_the_request_on_is_not_followed(grafana: FakeGrafana) -> None:
    grafana.answer("api/health", 302, b"https://login.test/")

    with pytest.raises(UserError, match=r"sends the request on to https://login\.test/"):
        _set_up(grafana)


def test_an_unreachable_server_is_explained() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"

        with pytest.raises(UserError, match=f"Grafana cannot be reached at {url} .*is it running there"):
            setup_grafana.set_up(url, "admin", _PASSWORD, _PROMETHEUS, {})


def test_a_prometheus_that_grafana_cannot_reach_is_explained(grafana: FakeGrafana) -> None:
    grafana.answer(f"{_DATA_SOURCE}/health", 400, {"message": "dial tcp: no such host", "status": "ERROR"})

    with pytest.raises(UserError, match=f"gets no answer from Prometheus at {_PROMETHEUS}.*no such host"):
        _set_up(grafana)


@pytest.mark.parametrize("url", ["", "grafana:3000", "ftp://grafana", "http://", "http://host:port", "http://h?x=1"])
def test_a_bad_url_is_explained(grafana: FakeGrafana, url: str) -> None:
    with pytest.raises(UserError, match=r"the URL of Grafana is .* give it as http://HOST:PORT"):
        setup_grafana.set_up(url, "admin", _PASSWORD, _PROMETHEUS, {})
    with pytest.raises(UserError, match=r"the URL of Prometheus is .* give it as http://HOST:PORT"):
        _set_up(grafana, prometheus=url)
    assert grafana.stored == {}


def test_a_url_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(UserError, match="has a user or a password in it") as mistake:
        setup_grafana.set_up("http://admin:hidden@grafana:3000", "admin", _PASSWORD, _PROMETHEUS, {})

    assert "hidden" not in str(mistake.value)


def test_the_grafana_that_the_environment_names_is_set_up(grafana: FakeGrafana, tmp_path: Path) -> None:
    named = {
        "GRAFANA_URL": grafana.url,
        "GRAFANA_USER": "admin",
        "GRAFANA_PASSWORD": _PASSWORD,
        "PROMETHEUS_URL": _PROMETHEUS,
    }

    setup_grafana.deliver(named, tmp_path / "bundle")

    assert _DATA_SOURCE in grafana.stored
    assert not (tmp_path / "bundle").exists()


def test_a_grafana_named_in_part_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="GRAFANA_USER, PROMETHEUS_URL must be set too"):
        setup_grafana.deliver({"GRAFANA_URL": "http://grafana:3000", "GRAFANA_PASSWORD": _PASSWORD}, tmp_path)


def test_without_a_grafana_all_that_one_mounts_is_written_to_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "left.json").write_text("{}")

    setup_grafana.deliver({}, bundle)

    assert sorted(path.name for path in bundle.iterdir()) == ["dashboards", "provisioning"]
    assert dashboards.stale(bundle / "dashboards") == {}
    assert str(bundle) in capsys.readouterr().out
