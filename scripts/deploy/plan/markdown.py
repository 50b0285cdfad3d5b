"""A review as a comment on a pull request."""

import re
from collections.abc import Iterator, Sequence

from scripts.deploy.plan import guard
from scripts.deploy.plan.model import Review, Severity
from scripts.deploy.plan.summary import Entry, by_service, created_modules, drift_entries, headline

_LENGTH_AT_MOST = 60_000
"""Characters; GitHub takes a comment of 65,536."""
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ./:,()=+-]")
_WORDS = {Severity.BLOCK: "**blocks**", Severity.WARN: "warns"}


def write(review: Review) -> str:
    """Write the whole review, or without details where it is too long for a comment."""
    marker = f"<!-- pulsequeue-plan {review.environment} -->"
    head = [marker, f"### Plan for {_code(review.environment)}: {headline(review)}", *_risks(review)]
    whole = "\n".join([*head, *_details(review), ""])
    if len(whole) <= _LENGTH_AT_MOST:
        return whole
    cut = "\n".join([*head, "", "There are too many changes for a comment: the log of `invoke plan` has them.", ""])
    if len(cut) <= _LENGTH_AT_MOST:
        return cut

    risks = f"{len(review.risks)} risks, too many for a comment: the log of `invoke plan` has them."
    return "\n".join([*head[:2], "", risks, ""])


def _risks(review: Review) -> Iterator[str]:
    if not review.risks:
        yield "\nNo risks found."
        return
    yield "\n| | resource | risk |\n| --- | --- | --- |"
    for risk in review.risks:
        yield f"| {_WORDS[risk.severity]} | {_code(risk.address)} | {_code(risk.text)} |"
    if review.blocking:
        yield f"\nTo apply it in spite of the risks that block, {_code(guard.how_to_allow(review))}"


def _details(review: Review) -> Iterator[str]:
    if modules := created_modules(review):
        lines = [f"- {count} in {_code(module)}: {services}" for module, count, services in modules]
        yield from _folded(f"Created: {sum(count for _, count, _ in modules)} resources", lines)
    for service, entries in by_service(review).items():
        yield from _folded(f"{service}: {len(entries)} {'change' if len(entries) == 1 else 'changes'}", _lines(entries))
    if review.drift:
        yield from _folded(
            f"Changed outside Terraform since the last apply: {len(review.drift)}", _lines(drift_entries(review))
        )


def _folded(summary: str, lines: Sequence[str]) -> Iterator[str]:
    yield from ("", f"<details><summary>{summary}</summary>", "", *lines, "", "</details>")


def _lines(entries: Sequence[Entry]) -> list[str]:
    lines = []
    for entry in entries:
        lines.append(f"- {_code(entry.symbol)} {_code(entry.title)}")
        lines += [f"  - {_code(note)}" for note in entry.notes]
    return lines


def _code(text: str) -> str:
    """Show a text from a plan literally: it may add no markup, mention, reference or row of a table."""
    escaped = _NOT_PLAIN.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
    return f"<code>{escaped}</code>"
