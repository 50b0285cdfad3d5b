"""Find a request that was made before, so that its repetition changes nothing."""

from collections.abc import Iterable

from services.shared.commits import Command, Commit
from services.shared.refusals import Refusal, RefusedError


def find_repeat(history: Iterable[Commit], command: Command) -> Commit | None:
    """The commit that the command led to before; None if it led to none.

    Look for it before any guard: an answer stays the same, whatever happened since. Raises RefusedError (KEY_REUSED) if
    its key was used for other content.
    """
    before = next((commit for commit in history if commit.command and commit.command.key == command.key), None)
    if before and before.command != command:
        raise RefusedError(
            Refusal.KEY_REUSED, "Idempotency-Key: it was used for another request before: take a new key"
        )
    return before
