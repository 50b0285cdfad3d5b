"""Compare each order's commits with its lifecycle, its deadline and its charge."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from scripts.ledger.audit.findings import Audit, Difference
from scripts.ledger.lifecycles import lifecycle_of
from scripts.ledger.order_history import Problem, lateness, money_problems, state_of
from services.shared.commits import ORDER_PREFIX, Commit, order_id_of
from services.shared.json_types import JsonObject


def orders_among(histories: Sequence[Sequence[Commit]]) -> list[str]:
    """The ids of the orders that these streams are of."""
    streams = (history[0].stream_id for history in histories)
    return [order_id_of(stream_id) for stream_id in streams if stream_id.startswith(ORDER_PREFIX)]


def stream_differences(
    histories: Sequence[Sequence[Commit]], charges: Mapping[str, JsonObject], audit: Audit, now: datetime
) -> Iterator[Difference]:
    """Compare whole streams; add their commits and deadlines to the audit."""
    for history in histories:
        stream_id = history[0].stream_id
        audit.commits += len(history)
        for commit in history:
            audit.ledger.add(commit)
        versions = [commit.version for commit in history]
        if versions != list(range(1, len(history) + 1)):
            yield Difference("gap in versions", stream_id, f"1 to {versions[-1]}", f"{versions}")
            continue
        kind, subject = _named(stream_id)
        if problem := _history_problem(stream_id, history, audit, now):
            yield Difference(kind, subject, problem.expected, problem.found)
        if kind == "order":
            audit.orders += 1
            for money in money_problems(history, charges.get(subject, {})):
                yield Difference("money", subject, money.expected, money.found)


def _history_problem(stream_id: str, history: Sequence[Commit], audit: Audit, now: datetime) -> Problem | None:
    lifecycle = lifecycle_of(stream_id)
    if lifecycle is None:
        return Problem("a stream of a kind that is known", "another")
    state = state_of(lifecycle, history)
    if isinstance(state, Problem):
        return state
    late = lateness(state, now)
    if state.due_at:
        (audit.missing_deadlines if late else audit.due)[stream_id] = state.due_at
    return late


def _named(stream_id: str) -> tuple[str, str]:
    """The kind of the thing that a stream is about, and its id."""
    if stream_id.startswith(ORDER_PREFIX):
        return "order", order_id_of(stream_id)
    return "stream", stream_id
