"""`invoke check.openapi`: write the document of the shop API, or check that it is current and breaks no client."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from scripts.check.api_document.breaks import find_breaks
from scripts.check.api_document.document import document, every_api
from scripts.check.api_document.operations import Document
from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.paths import API_DOCUMENT
from services.libs.http.shop_api import ShopApi

_WRITTEN_BY = "# Written by `invoke check.openapi` from services/*/api.py.\n"
_WAYS_OUT = (
    "Undo the change, or give clients a new route or an optional field beside the old one. "
    "If no client relies on the old form: `invoke check.openapi --accept-breaking`"
)


def update_document(*, check: bool = False, accept_breaking: bool = False) -> None:
    if check and accept_breaking:
        raise UserError("--check writes nothing: leave out --accept-breaking, or --check")
    apis = every_api()
    if check:
        check_document(API_DOCUMENT, apis)
        return
    changed = write_document(API_DOCUMENT, apis, accept_breaking=accept_breaking)
    out.print(f"{API_DOCUMENT.name} is {'written' if changed else 'up to date'}", markup=False)


def check_document(file: Path, apis: Mapping[str, ShopApi]) -> None:
    """Raise UserError upon a breaking change, and for a document that differs from the code."""
    declared = document(apis)
    _refuse_breaks(file, declared)
    if not file.exists() or file.read_text("utf-8") != _text(declared):
        raise UserError(f"docs/{file.name} differs from the code: run `invoke check.openapi`")


def write_document(file: Path, apis: Mapping[str, ShopApi], *, accept_breaking: bool = False) -> bool:
    """Return whether the document changed; raise UserError upon a breaking change that is not accepted."""
    declared = document(apis)
    if not accept_breaking:
        _refuse_breaks(file, declared)
    text = _text(declared)
    if file.exists() and file.read_text("utf-8") == text:
        return False
    write_whole(file, text)
    return True


def _refuse_breaks(file: Path, declared: Document) -> None:
    if not file.exists():
        return
    try:
        breaks = find_breaks(yaml.safe_load(file.read_text("utf-8")), declared)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} is not as `invoke check.openapi` wrote it: take it back with `git checkout -- {file}`"
        ) from error
    if breaks:
        raise UserError("\n".join(["the change breaks clients of the shop API:", *breaks, _WAYS_OUT]))


class _Plain(yaml.SafeDumper):
    """Writes each part out: anchors and aliases are hard to read."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _text(declared: Document) -> str:
    return _WRITTEN_BY + yaml.dump(declared, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
