"""Draw the lifecycle of a kind of stream as a state diagram in Mermaid."""

import re
from collections.abc import Iterator, Mapping

from scripts.ledger.lifecycles import LIFECYCLES
from services.shared.lifecycle import Lifecycle, Transition


def diagram(lifecycle: Lifecycle) -> str:
    return "\n".join(["```mermaid", "stateDiagram-v2", *_lines(lifecycle), "```"])


def _lines(lifecycle: Lifecycle) -> Iterator[str]:
    for transition in lifecycle.transitions:
        for phase in transition.phases:
            to = transition.to or phase
            begin = "[*]" if phase == lifecycle.start else phase.name
            yield f"    {begin} --> {to.name} : {_label(transition)}"
    phases = {transition.to for transition in lifecycle.transitions if transition.to}
    yield from (f"    {phase.name} --> [*]" for phase in sorted(phases, key=str) if phase.wait is None)


def _label(transition: Transition) -> str:
    return f"{transition.names} ({transition.writer})"


DIAGRAMS: Mapping[str, Lifecycle] = {life.prefix.removesuffix("#"): life for life in LIFECYCLES}
"""By the name in the comment of a page, `<!-- lifecycle: NAME -->`; the diagram ends at `<!-- end -->`."""

_PLACE = re.compile(r"(<!-- lifecycle: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page_with_diagrams(page: str) -> str:
    """Draw each diagram of a page again; raise KeyError for an unknown name."""
    return _PLACE.sub(lambda place: f"{place[1]}{diagram(DIAGRAMS[place[2]])}\n{place[3]}", page)
