"""Terraform's progress in one line, from its machine-readable output.

The messages: https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.status import Status

from scripts.cli.console import err, out

_STEPS = {"create": 1, "update": 1, "delete": 1, "replace": 2}
_LINE_EVERY_SECONDS = 10.0


@dataclass
class Progress:
    changes: list[tuple[str, str]] = field(default_factory=list)
    """Action and address of each planned change."""
    errors: dict[str, str] = field(default_factory=dict)
    """Each error as it is shown, with Terraform's summary: a module used six times reports its own error six times."""
    done: int = 0
    outputs: dict[str, Any] = field(default_factory=dict)
    """What an apply said at its end, but for sensitive ones."""
    began: float = field(default_factory=time.monotonic)
    _last_line: float = field(default_factory=time.monotonic)
    _status: Status | None = None

    @contextmanager
    def shown(self, step: str) -> Iterator[None]:
        """Keep one live line in a terminal; when piped, print a line now and then."""
        if not out.is_terminal:
            yield
            return
        with out.status(f"terraform {step} …") as self._status:
            yield

    def read(self, line: str) -> None:
        message: dict[str, Any] = json.loads(line) if line.startswith("{") else {"type": "text"}
        match message.get("type"):
            case "planned_change" if (action := message["change"]["action"]) in _STEPS:
                self.changes.append((action, message["change"]["resource"]["addr"]))
            case "apply_complete" if message["hook"]["action"] != "read":
                self.done += 1
                self._show(message["hook"]["resource"]["addr"])
            case "apply_progress":
                self._show(message["hook"]["resource"]["addr"])
            case "outputs":
                self.outputs = {name: one["value"] for name, one in message["outputs"].items() if "value" in one}
            case "diagnostic" if message["diagnostic"]["severity"] == "error":
                self._error(message["diagnostic"])
            case "text" if line.strip():
                err.print(line.rstrip(), markup=False)

    @property
    def total(self) -> int:
        return sum(_STEPS[action] for action, _ in self.changes)

    def _show(self, address: str) -> None:
        now = time.monotonic()
        text = f"{self.done}/{self.total} done, {now - self.began:.0f} s, {address}"
        if self._status:
            self._status.update(text.replace("[", r"\["))
        elif now - self._last_line > _LINE_EVERY_SECONDS:
            self._last_line = now
            out.print(text, markup=False)

    def _error(self, diagnostic: dict[str, Any]) -> None:
        summary, place = diagnostic["summary"], diagnostic.get("range") or {}
        where = f"{place['filename']}:{place['start']['line']}" if place.get("filename") else None
        details = "\n".join(filter(None, [diagnostic.get("address"), where, diagnostic.get("detail")]))
        if f"{summary}\n{details}" not in self.errors:
            self.errors[f"{summary}\n{details}"] = summary
            err.print(f"Error: {summary}", style="bold red", markup=False)
            err.print(details, markup=False)
