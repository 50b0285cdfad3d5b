"""`invoke events`: write the documents of the events, or check that they are current and break no party."""

from collections.abc import Mapping
from pathlib import Path

from scripts.check.event_documents.asyncapi import schema_file
from scripts.check.event_documents.breaks import find_breaks
from scripts.check.event_documents.folder import contract_of, documents_of, read_contract
from scripts.check.event_documents.traffic import Traffic, declared_traffic
from scripts.check.lifecycle_diagram import page_with_diagrams
from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.paths import DOCS, EVENT_DOCUMENTS, REPO_ROOT
from services.shared.events.event import Event

_LIFECYCLE_PAGE = DOCS / "order-lifecycle.md"

_WAYS_OUT = (
    "Undo the change, or raise the event's SCHEMA_VERSION and add an upcaster. "
    "If no party relies on the old form: `invoke events --accept-breaking`"
)


def update_documents(*, check: bool = False, accept_breaking: bool = False) -> None:
    if check and accept_breaking:
        raise UserError("--check writes nothing: leave out --accept-breaking, or --check")
    traffic = declared_traffic()
    if check:
        check_documents(EVENT_DOCUMENTS, traffic)
        return
    changed = write_documents(EVENT_DOCUMENTS, traffic, accept_breaking=accept_breaking) + _redrawn()
    out.print("\n".join(map(_shown, changed)) or "docs/events and docs/order-lifecycle.md are up to date", markup=False)


def _redrawn() -> list[Path]:
    """Draw the lifecycle of an order again; name the page if it has changed."""
    page = _LIFECYCLE_PAGE.read_text("utf-8")
    redrawn = page_with_diagrams(page)
    write_whole(_LIFECYCLE_PAGE, redrawn)
    return [] if redrawn == page else [_LIFECYCLE_PAGE]


def check_documents(folder: Path, traffic: Mapping[type[Event], Traffic]) -> None:
    """Raise UserError upon a breaking change, and for a document that differs from the code."""
    _refuse_lost_versions(folder, traffic)
    _refuse_breaks(folder, traffic)
    if stale := _stale(folder, traffic):
        files = "\n".join(f"  {_shown(file)}" for file in stale)
        raise UserError(f"the documents of the events differ from the code: run `invoke events`\n{files}")


def write_documents(
    folder: Path, traffic: Mapping[type[Event], Traffic], *, accept_breaking: bool = False
) -> list[Path]:
    """Write the changed files, and name them; raise UserError upon a breaking change that is not accepted."""
    _refuse_lost_versions(folder, traffic)
    if not accept_breaking:
        _refuse_breaks(folder, traffic)
    changed = _stale(folder, traffic)
    for file, text in changed.items():
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, text)
    return list(changed)


def _refuse_breaks(folder: Path, traffic: Mapping[type[Event], Traffic]) -> None:
    if breaks := find_breaks(read_contract(folder), contract_of(traffic)):
        raise UserError("\n".join([*map(str, breaks), _WAYS_OUT]))


def _refuse_lost_versions(folder: Path, traffic: Mapping[type[Event], Traffic]) -> None:
    for event in traffic:
        for version in range(1, event.SCHEMA_VERSION):
            file = folder / schema_file(event.type_name(), version)
            if not file.exists():
                raise UserError(f"{_shown(file)} is gone, and events of that version are still read: take it from git")


def _stale(folder: Path, traffic: Mapping[type[Event], Traffic]) -> dict[Path, str | None]:
    """The new text of each file that has to change; None for an event or schema version that is gone."""
    texts = {folder / place: text for place, text in documents_of(traffic).items()}
    newest = {event.type_name(): event.SCHEMA_VERSION for event in traffic}
    gone = [
        folder / schema_file(event, version)
        for event, version in read_contract(folder).schemas
        if version > newest.get(event, 0)
    ]
    written = {file: text for file, text in texts.items() if not file.exists() or file.read_text("utf-8") != text}
    return {**written, **dict.fromkeys(gone)}


def _shown(file: Path) -> str:
    return str(file.relative_to(REPO_ROOT)) if file.is_relative_to(REPO_ROOT) else str(file)
