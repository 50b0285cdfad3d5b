"""Read JSON files that people write, with errors that name the line; check early that a file can be written."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from scripts.cli.errors import UserError
from services.shared.validation_errors import causes, message_of

T = TypeVar("T")


def load_json(path: Path, adapter: TypeAdapter[T]) -> T:
    """Raise UserError with line and field of the first ten errors."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from error
    try:
        json.loads(text)
    except RecursionError as error:
        raise UserError(f"{path}: nested too deeply") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        lines = [
            f"{path}, line {_line(text, problem['loc'])}, {_field(problem['loc'])}: {message_of(problem)}"
            for problem in causes(error)[:10]
        ]
        raise UserError("\n".join(lines)) from error


def check_writable(path: Path) -> None:
    """Make the file's folder, and raise UserError if the file cannot be written: call it before minutes of work."""
    is_new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    if is_new:
        path.unlink()


def _field(location: Sequence[int | str]) -> str:
    return ".".join(map(str, location)) or "the whole file"


def _line(text: str, location: Sequence[int | str]) -> int:
    """Walk to the value at `location`, or to the last container that holds it; JSON is YAML but for its tabs."""
    node = yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)
    for step in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            child = next((value for key, value in node.value if key.value == step), None)
            if child is None:
                break
            node = child
    return node.start_mark.line + 1 if node else 1
