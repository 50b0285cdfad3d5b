"""Draw the lifecycle of a kind of stream as a state diagram in Mermaid."""

import re
from collections.abc import Iterator, Mapping

from scripts.ledger.lifecycles import LIFECYCLES
from services.shared.lifecycle import Lifecycle


def diagram(lifecycle: Lifecycle) -> str:
    return "\n".join(["```mermaid", "stateDiagram-v2", *_lines(lifecycle), "```"])


def _lines(lifecycle: Lifecycle) -> Iterator[str]:
    for (begin, to, writer), names in _arrows(lifecycle).items():
        yield f"    {begin} --> {to} : {' or '.join(names)} ({writer})"
    phases = {transition.to for transition in lifecycle.transitions if transition.to}
    yield from (f"    {phase.name} --> [*]" for phase in sorted(phases, key=str) if phase.wait is None)


def _arrows(lifecycle: Lifecycle) -> dict[tuple[str, str, str], list[str]]:
    """The commits of each arrow, which is from a phase to a phase, by a writer."""
    arrows: dict[tuple[str, str, str], list[str]] = {}
    for transition in lifecycle.transitions:
        for phase in transition.phases:
            begin = "[*]" if phase == lifecycle.start else phase.name
            to = transition.to or phase
            arrows.setdefault((begin, to.name, transition.writer), []).append(transition.names)
    return arrows


DIAGRAMS: Mapping[str, Lifecycle] = {life.prefix.removesuffix("#"): life for life in LIFECYCLES}
"""By the name in the comment of a page, `<!-- lifecycle: NAME -->`; the diagram ends at `<!-- end -->`."""

_PLACE = re.compile(r"(<!-- lifecycle: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page_with_diagrams(page: str) -> str:
    """Draw each diagram of a page again; raise KeyError for an unknown name."""
    return _PLACE.sub(lambda place: f"{place[1]}{diagram(DIAGRAMS[place[2]])}\n{place[3]}", page)
