"""Recount the business counters from the event store, and compare with what the metrics endpoint shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import requests
from prometheus_client.parser import text_string_to_metric_families

from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.cli.web import TIMEOUT_SECONDS, session, unreachable
from scripts.deploy.deployment import Deployment
from scripts.deploy.generated_secrets import METRICS_TOKEN, required
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.ledger.log_reader import Ledger, NoCommitError, named_briefly, read_commits
from scripts.operate.pausing import PauseSwitch
from services.libs.observability.metrics import DECLARATIONS, Source
from services.libs.store.ledger_counters import LedgerCounters
from services.shared.counters import counter

Counters = Mapping[str, int]
"""By series."""


@dataclass(frozen=True, slots=True)
class Recount:
    """A series as the endpoint showed it before and after the event store was counted, and that count."""

    series: str
    before: int
    counted: int
    after: int

    @property
    def difference(self) -> int:
        """How far the endpoint is off: 0 while the count lies between what it showed before and after."""
        return min(0, self.after - self.counted) or max(0, self.before - self.counted)


def recount(read_page: Callable[[], Counters], count: Callable[[], Counters]) -> list[Recount]:
    """Compare every declared series; a live system may move meanwhile, and what moved is told from what is wrong."""
    before, counted, after = read_page(), count(), read_page()
    series = sorted(declared_series() | counted.keys())
    return [Recount(name, before.get(name, 0), counted.get(name, 0), after.get(name, 0)) for name in series]


def declared_series() -> set[str]:
    return {
        counter(name, **dict(zip(declaration.labels, values, strict=True)))
        for name, declaration in DECLARATIONS.items()
        if declaration.source is Source.LEDGER
        for values in declaration.own_label_sets
    }


def business_counters(page: str) -> dict[str, int]:
    """Read the business counters off a page of metrics."""
    return {
        counter(sample.name, **{label: sample.labels[label] for label in DECLARATIONS[sample.name].labels}): int(
            sample.value
        )
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name in DECLARATIONS and DECLARATIONS[sample.name].source is Source.LEDGER
    }


def read_page(url: str, token: str) -> str:
    """Get a page whose values are read for this request; raise UserError where the endpoint gives none."""
    headers = {"authorization": f"Bearer {token}", "cache-control": "no-cache"}
    try:
        response = session(url).get(url, headers=headers, timeout=TIMEOUT_SECONDS)
    except requests.exceptions.RequestException as error:
        raise unreachable("the metrics endpoint", url, error) from error
    if not response.ok:
        raise UserError(f"the metrics endpoint answered {response.status_code}: {response.text.strip()[:200]}")
    return response.text


def audit_metrics(target: Target, *, rebuild: bool) -> None:
    """Print each counter and its difference; raise UserError where there is one."""
    deployment = Deployment.of(target)
    url, token = deployment.metrics_url(target), required(target, METRICS_TOKEN)
    dynamodb, unreadable = target.client("dynamodb"), list[NoCommitError]()

    def count() -> Counters:
        unreadable.clear()
        with out.status("counting the event store"):
            return Ledger.of(read_commits(dynamodb, deployment, unreadable)).counters

    if rebuild:
        _rebuild(target, deployment, count, unreadable)
    recounts = recount(lambda: business_counters(read_page(url, token)), count)
    _print(recounts)
    wrong = [one for one in recounts if one.difference]
    if wrong:
        raise UserError(
            f"{len(wrong)} counters differ from the event store: `invoke pause`, "
            "`invoke monitor.metrics-audit --rebuild` and `invoke resume` mend that"
        )
    if unreadable:
        raise UserError(f"counted without the items that are no commits:\n{named_briefly(unreadable)}")


@one_at_a_time
def _rebuild(
    target: Target, deployment: Deployment, count: Callable[[], Counters], unreadable: Sequence[NoCommitError]
) -> None:
    pause = PauseSwitch(target, deployment)
    pause.check_paused("nothing was rebuilt")
    counted = count()
    if unreadable:
        raise UserError(f"nothing was rebuilt; `invoke restore` first\n{named_briefly(unreadable)}")
    pause.check_paused("nothing was rebuilt")
    LedgerCounters(target.client("dynamodb"), deployment.tables.metrics).replace(counted)
    out.print("the counters are what the event store says; `invoke resume` lets the services write again")


def _print(recounts: list[Recount]) -> None:
    numbers = ("event store", "endpoint", "difference")
    shown = table("counter", *numbers, numbers=numbers)
    for one in recounts:
        shown.add_row(
            one.series, f"{one.counted:,}", f"{one.after:,}", f"{one.difference:+,}" if one.difference else "0"
        )
    out.print(shown)
    if not any(one.difference for one in recounts):
        moved = " (it moved meanwhile)" if any(one.before != one.after for one in recounts) else ""
        out.print(f"[green]what the endpoint shows is what happened[/]{moved}")
