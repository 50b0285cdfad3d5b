"""The folder, data source and dashboards in a Grafana: over its HTTP API, or as files that one can mount."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.cli.paths import DASHBOARDS, DIST
from scripts.cli.web import checked_url
from scripts.monitor.grafana import dashboards
from scripts.monitor.grafana.client import Grafana

_FILES = DASHBOARDS.parent
_BUNDLE = DIST / "grafana"
_VARIABLES = ("GRAFANA_URL", "GRAFANA_USER", "GRAFANA_PASSWORD", "PROMETHEUS_URL")
_IN_THE_ENVIRONMENT = "-"
# A Grafana that others use too keeps its own default, and what is set up over the API may be edited by hand.
_ONLY_IN_FILES = {"isDefault", "editable"}
_KEPT_BY_GRAFANA = {"id", "version"}


def set_up(url: str, user: str, password: str, prometheus_url: str, environ: Mapping[str, str] = os.environ) -> None:
    """Create or update what is not as it should be; the password `-` stands for the one in GRAFANA_PASSWORD."""
    if password == _IN_THE_ENVIRONMENT:
        password = environ.get("GRAFANA_PASSWORD", "")
    if not user or not password:
        raise UserError("Grafana wants a user and a password: give both, or `-` for the one in GRAFANA_PASSWORD")
    prometheus_url = checked_url("the URL of Prometheus", prometheus_url)
    grafana = Grafana(url, user, password)
    grafana.check()
    folder = _provisioned("dashboards/pulsequeue.yml", "providers")
    changes = table("kind", "name", "")
    changes.add_row("folder", folder["folder"], _put_folder(grafana, folder["folderUid"], folder["folder"]))
    changes.add_row("data source", prometheus_url, _put_data_source(grafana, prometheus_url))
    for text in dashboards.build().values():
        board = json.loads(text)
        changes.add_row("dashboard", board["title"], _put_dashboard(grafana, folder["folderUid"], board))
    out.print(changes)
    _check_data_source(grafana, prometheus_url)


def deliver(environ: Mapping[str, str] = os.environ, bundle: Path = _BUNDLE) -> None:
    """Set up the Grafana that the environment names, or else write what one can mount."""
    missing = [name for name in _VARIABLES if not environ.get(name)]
    if not missing:
        url, user, password, prometheus_url = (environ[name] for name in _VARIABLES)
        set_up(url, user, password, prometheus_url)
    elif len(missing) < len(_VARIABLES):
        raise UserError(
            f"to set up a Grafana, {', '.join(missing)} must be set too; with none of {', '.join(_VARIABLES)} set, "
            "its files are written to a folder instead"
        )
    else:
        _write(bundle)


def _write(bundle: Path) -> None:
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(_FILES, bundle)
    out.print(
        f"Grafana's data source and dashboards are in {bundle}. To use them, mount provisioning/ at "
        "/etc/grafana/provisioning and dashboards/ at /etc/grafana/dashboards, and set PROMETHEUS_URL for Grafana. "
        f"Or have them uploaded: set {', '.join(_VARIABLES)} and run `invoke monitor.deliver`.",
        markup=False,
    )


def _provisioned(file: str, kind: str) -> dict[str, Any]:
    """Read from the provisioning what it and the API have in common."""
    (content,) = yaml.safe_load((_FILES / "provisioning" / file).read_text(encoding="utf-8"))[kind]
    return {name: value for name, value in content.items() if name not in _ONLY_IN_FILES}


def _put_folder(grafana: Grafana, uid: str, title: str) -> str:
    present = grafana.get(f"api/folders/{uid}")
    if present is None:
        grafana.post("api/folders", {"uid": uid, "title": title})
        return "created"
    if present.get("title") == title:
        return "unchanged"
    grafana.put(f"api/folders/{uid}", {"title": title, "overwrite": True})
    return "updated"


def _put_data_source(grafana: Grafana, prometheus_url: str) -> str:
    wanted = _provisioned("datasources/prometheus.yml", "datasources") | {"url": prometheus_url}
    path = f"api/datasources/uid/{wanted['uid']}"
    present = grafana.get(path)
    if present is None:
        grafana.post("api/datasources", wanted)
        return "created"
    if all(present.get(name) == value for name, value in wanted.items()):
        return "unchanged"
    grafana.put(path, wanted)
    return "updated"


def _put_dashboard(grafana: Grafana, folder_uid: str, board: dict[str, Any]) -> str:
    present = grafana.get(f"api/dashboards/uid/{board['uid']}")
    if present is not None:
        stored = {name: value for name, value in present["dashboard"].items() if name not in _KEPT_BY_GRAFANA}
        if stored == board and present["meta"].get("folderUid") == folder_uid:
            return "unchanged"
    grafana.post("api/dashboards/db", {"dashboard": board, "folderUid": folder_uid, "overwrite": True})
    return "created" if present is None else "updated"


def _check_data_source(grafana: Grafana, prometheus_url: str) -> None:
    """Let Grafana ask Prometheus: whether that can be reached from here says nothing."""
    uid = _provisioned("datasources/prometheus.yml", "datasources")["uid"]
    try:
        grafana.get(f"api/datasources/uid/{uid}/health")
    except UserError as error:
        raise UserError(
            f"all is set up, but Grafana gets no answer from Prometheus at {prometheus_url}, a URL as "
            f"Grafana itself sees it: {error}"
        ) from error
