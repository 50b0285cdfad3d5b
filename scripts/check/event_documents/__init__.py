"""The documents of the events, and the check of their changes."""

from scripts.cli.errors import UserError
from services.shared.events.event import EventDeclarationError


def update_documents(*, check: bool = False, accept_breaking: bool = False) -> None:
    """Write the documents, or check them; raise UserError for an event that is declared wrongly too."""
    try:
        from scripts.check.event_documents import update  # noqa: PLC0415 - its imports check the declarations
    except EventDeclarationError as error:
        raise UserError(str(error)) from error
    update.update_documents(check=check, accept_breaking=accept_breaking)
