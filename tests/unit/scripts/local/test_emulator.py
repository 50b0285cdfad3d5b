import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.local import emulator
from scripts.local.daemon import Daemon
from scripts.local.emulator import Emulator


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    monkeypatch.setattr(emulator, "LOCAL_FOLDER", tmp_path)
    return Emulator("mine")


def test_a_port_in_use_is_named_with_a_way_out(instance: Emulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(UserError, match=f"port {port} is in use.*PULSEQUEUE_PORT"):
            instance.start("eu-west-2", {"PULSEQUEUE_PORT": str(port)})


@pytest.mark.parametrize("port", ["http", "-1", "70000"])
def test_a_port_that_is_none_is_refused(instance: Emulator, port: str) -> None:
    with pytest.raises(UserError, match="PULSEQUEUE_PORT"):
        instance.start("eu-west-2", {"PULSEQUEUE_PORT": port})


def test_a_file_among_the_instances_is_none(instance: Emulator) -> None:
    instance.folder.mkdir(parents=True)
    (instance.folder.parent / ".DS_Store").touch()

    assert Emulator.all() == [instance]


def test_an_instance_that_never_ran_says_how_to_start_it(instance: Emulator) -> None:
    with pytest.raises(UserError, match="not running: `invoke local-up`"):
        instance.running_port()

    assert not instance.stop()


def test_an_instance_that_does_not_run_names_those_that_do(instance: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Emulator, "all", lambda *_: [instance, Emulator("other")])
    monkeypatch.setattr(Emulator, "is_running", property(lambda emulator: emulator.instance == "other"))

    with pytest.raises(UserError, match=rf"not running as PULSEQUEUE_INSTANCE={instance.instance} \(but other is\)"):
        instance.running_port()


def test_an_instance_that_died_shows_the_end_of_its_log(instance: Emulator) -> None:
    record(instance, pid=os.getpid())
    instance.log_file.write_text("starting\nout of memory\n")

    with pytest.raises(UserError, match=r"died(?s:.*)out of memory"):
        instance.running_port()


def test_a_process_that_only_has_the_recorded_pid_is_not_stopped(
    instance: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(instance, pid=os.getpid())
    signalled: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _: signalled.append(group))

    assert not instance.stop()

    assert signalled == []
    assert not instance.folder.exists()


def test_a_live_instance_that_does_not_answer_is_told_apart_from_a_dead_one(
    instance: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(instance, pid=os.getpid())
    monkeypatch.setattr(emulator, "_START_SECONDS", 0.05)

    with (instance.folder / "emulator.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(UserError, match="does not answer"):
            instance.running_port()


def test_a_second_start_waits_for_the_first(instance: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    began, may_go_on, ports = threading.Event(), threading.Event(), iter((1, 2))

    def start(*_: object) -> int:
        began.set()
        assert may_go_on.wait(10)
        return next(ports)

    monkeypatch.setattr(Emulator, "_start", start)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(instance.start, "eu-west-2", {})
        assert began.wait(10)
        began.clear()
        second = pool.submit(instance.start, "eu-west-2", {})
        assert not began.wait(0.2)
        may_go_on.set()

    assert (first.result(), second.result()) == (1, 2)


def test_an_instance_that_is_just_being_started_is_not_waited_for_without_end(
    instance: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "_START_SECONDS", 0.05)

    with Daemon(instance.folder, "emulator").claimed(), pytest.raises(UserError, match="just being started"):
        instance.running_port()


def test_what_watches_an_instance_is_stopped_with_it(instance: Emulator) -> None:
    watcher = watching(instance)

    instance.stop()

    assert watcher.poll() is not None
    assert not instance.folder.exists()


def test_what_watched_an_instance_that_died_is_stopped_before_its_remains_are_removed(instance: Emulator) -> None:
    watcher = watching(instance)

    with pytest.raises(UserError, match="not a port"):
        instance.start("eu-west-2", {"PULSEQUEUE_PORT": "none"})

    assert watcher.poll() is not None
    assert not (instance.folder / "environments").exists()


def watching(instance: Emulator) -> subprocess.Popen[bytes]:
    daemon = Daemon(instance.folder / "environments" / "dev" / "monitoring", "prometheus")
    with daemon.claimed() as lock:
        assert lock
        sleeps = [sys.executable, "-c", "import time; time.sleep(60)"]
        return daemon.launch(sleeps, lock, port=1, cwd=daemon.folder, env=os.environ)


def record(instance: Emulator, pid: int) -> None:
    instance.folder.mkdir(parents=True)
    (instance.folder / "emulator.json").write_text(json.dumps({"pid": pid, "port": 1}))


@pytest.mark.parametrize("name", ["../junk", "..", "", "A", "x" * 21])
def test_a_name_that_could_lead_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="PULSEQUEUE_INSTANCE is"):
        Emulator(name)
