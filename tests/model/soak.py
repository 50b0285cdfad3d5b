"""The model in memory, at length and without Hypothesis: `python -m tests.model.soak --operations 1000000 --seed 1`."""

import argparse
import logging
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from rich.progress import Progress

from scripts.cli.console import err, out, table
from tests.model.carrier import NEWS, Answer
from tests.model.customer_machine import run_histories
from tests.model.memory import MemorySystem
from tests.model.people import CUSTOMER, UNREASONABLE
from tests.model.queues import CONSUMED
from tests.model.troubles import TROUBLES
from tests.model.truth import Truth
from tests.model.world import CLOCK_ERRORS_SECONDS, PAST_EVERY_DEADLINE_SECONDS, World

_SKUS = tuple(f"sku-{letter}" for letter in "abcdef")
_UNKNOWN_SKU = "sku-unknown"
_LAST_SHOWN = 20
_OPERATIONS_PER_HISTORY = 250
"""Of a shop's operations, for each history of customers: so these take a tenth of the time or so."""


@dataclass(frozen=True, slots=True)
class _Operation:
    weight: int
    run: Callable[..., None]
    draw: Callable[[], Mapping[str, object]] = dict


class Soak:
    def __init__(self, seed: int) -> None:
        self.system = MemorySystem()
        self.world = World(self.system)
        self.done: Counter[str] = Counter()
        self.last: deque[str] = deque(maxlen=_LAST_SHOWN)
        self._random = Random(seed)  # noqa: S311 - reproducible on purpose
        self._orders = 0
        self._operations = self._table()
        self._weights = [operation.weight for operation in self._operations.values()]

    def run(self, operations: int, settle_every: int, progress: Callable[[int], None]) -> None:
        """Raise AssertionError at the first violation."""
        for sku in _SKUS:
            self.world.seed(sku, 1000)
        names = list(self._operations)
        for number in range(1, operations + 1):
            (name,) = self._random.choices(names, self._weights)
            operation = self._operations[name]
            arguments = operation.draw()
            self.done[name] += 1
            self.last.append(f"{number} {name} {dict(arguments)}")
            operation.run(**arguments)
            self.world.truth.check()
            if number % settle_every == 0 or number == operations:
                self._settle()
                progress(number)

    def _settle(self) -> None:
        """Check that all comes to its end, and once more from an empty page."""
        self.world.settle()
        Truth(self.system).check_all()

    def _table(self) -> dict[str, _Operation]:
        random, world = self._random, self.world
        return {
            "order placed": _Operation(90, world.place, self._order),
            "order placed again": _Operation(20, world.place_again, lambda: {"choice": -random.randint(1, 200)}),
            "other order under the same id": _Operation(
                5, world.place, lambda: self._order() | {"order_id": self._recent()}
            ),
            "event forged": _Operation(
                15, world.forge, lambda: {"event": random.choice(CONSUMED), "order_id": self._recent()}
            ),
            "deadline forged": _Operation(3, world.forge_deadline, lambda: {"order_id": self._recent()}),
            "deadline of a parcel forged": _Operation(
                3, world.forge_deadline, lambda: {"order_id": self._recent(), "of_parcel": True}
            ),
            "clocks set": _Operation(
                5, world.set_clock, lambda: {"error_seconds": random.randint(*CLOCK_ERRORS_SECONDS)}
            ),
            "message delivered": _Operation(300, world.deliver, self._choice),
            "messages delivered in a batch": _Operation(
                60, world.deliver_batch, lambda: self._choice() | {"size": random.randint(2, 10)}
            ),
            "message delivered, to come again": _Operation(40, world.deliver, lambda: self._choice() | {"again": True}),
            "dead letters redriven": _Operation(3, world.redrive, lambda: {"messages": 10}),
            "commits relayed": _Operation(90, world.relay, lambda: {"commits": random.randint(1, 10)}),
            "commits relayed in part": _Operation(
                30,
                world.relay,
                lambda: {"commits": random.randint(1, 5), "refusals": random.choices([True, False], k=12)},
            ),
            "commits published again": _Operation(5, world.rewind, lambda: {"commits": random.randint(1, 20)}),
            "stock set": _Operation(60, world.seed, self._product),
            "time passed": _Operation(40, world.advance, lambda: {"seconds": random.randint(1, 60)}),
            "every deadline passed": _Operation(5, world.advance, lambda: {"seconds": PAST_EVERY_DEADLINE_SECONDS}),
            "sweep in an outage": _Operation(5, world.sweep, lambda: {"throttled": True}),
            "sweep": _Operation(15, world.sweep),
            "sweep that runs out of time": _Operation(5, world.sweep, lambda: {"looks": random.randint(0, 20)}),
            "trouble armed": _Operation(
                100, world.arm, lambda: {"call": random.randint(1, 10), "trouble": random.choice(TROUBLES)}
            ),
            **self._after_sale(),
        }

    def _after_sale(self) -> dict[str, _Operation]:
        random, world, people = self._random, self.world, self.world.people
        return {
            "cancel asked for": _Operation(
                15, people.cancel, lambda: self._some_order() | {"customer_id": self._customer()}
            ),
            "return announced": _Operation(
                40, people.request_return, lambda: self._delivered() | self._goods() | {"number": random.randint(1, 4)}
            ),
            "return received": _Operation(
                40,
                people.receive_return,
                lambda: self._delivered() | self._goods() | self._choice() | {"unfit": random.randint(0, 2)},
            ),
            "goods sent back and received": _Operation(
                20, self._take_back, lambda: self._delivered() | {"number": random.randint(1, 4)}
            ),
            "refund asked for again": _Operation(
                5, people.retry_some_refund, lambda: self._some_order() | self._choice()
            ),
            "failed refunds asked for again": _Operation(10, people.retry_failed_refunds),
            "parcel moved": _Operation(
                60, world.carrier_moves, lambda: self._choice() | {"status": random.choice(NEWS)}
            ),
            "carrier told by itself": _Operation(60, people.carrier_tells, self._choice),
            "carrier told nonsense": _Operation(
                5, people.carrier_tells_nonsense, lambda: self._some_order() | self._choice()
            ),
            "parcels brought home": _Operation(
                10, world.come_home, lambda: self._choice() | {"together": random.random() < 0.5}
            ),
            "carrier answers otherwise": _Operation(
                10, world.carrier_answers, lambda: {"answer": random.choice([*Answer])}
            ),
        }

    def _take_back(self, order_id: str, number: int) -> None:
        self.world.people.request_return(order_id, number, self._random.randint(1, 2))
        self.world.people.receive_return(order_id, self._random.randint(1, 4), 1, self._random.randint(0, 1))

    def _some_order(self) -> dict[str, object]:
        return {"order_id": self.world.order(self._random.randrange(100))}

    def _delivered(self) -> dict[str, object]:
        return {"order_id": self.world.delivered_order(self._random.randrange(100))}

    def _customer(self) -> str:
        return CUSTOMER if self._random.random() < 0.95 else "customer-2"

    def _goods(self) -> dict[str, object]:
        wrong = self._random.choice(UNREASONABLE) if self._random.random() < 0.1 else ""
        return {"share": self._random.randint(1, 2), "wrong": wrong}

    def _order(self) -> dict[str, object]:
        self._orders += 1
        skus = self._random.sample(_SKUS, k=self._random.choice([1, 1, 2, 3]))
        if self._random.random() < 0.02:
            skus.append(_UNKNOWN_SKU)
        return {
            "order_id": f"order-{self._orders}",
            "quantities": {sku: self._random.randint(1, 5) for sku in skus},
            "forced": self._random.choice([None, None, "SUCCESS", "SUCCESS", "FAILURE"]),
        }

    def _choice(self) -> dict[str, object]:
        return {"choice": self._random.randrange(10_000)}

    def _recent(self) -> str:
        """The id of an order that may still be under way, or is yet to come."""
        return f"order-{max(1, self._orders + self._random.randint(-20, 2))}"

    def _product(self) -> dict[str, object]:
        return {
            "sku": self._random.choice(_SKUS),
            "stock": self._random.randint(0, 2000),
            "price_minor": self._random.randint(1, 900),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settle-every", type=int, default=50_000, help="operations between two full checks")
    options = parser.parse_args()
    # Faults are what this is about: their log lines would be most of the output.
    logging.disable()
    soak, started, violation = Soak(options.seed), time.monotonic(), None
    with Progress(console=err) as progress:
        task = progress.add_task("operations", total=options.operations)

        def show(done: int) -> None:
            progress.update(task, completed=done)
            if not err.is_terminal:
                err.print(f"{done} of {options.operations} operations, {time.monotonic() - started:.0f} s")

        try:
            soak.run(options.operations, options.settle_every, show)
        except AssertionError as failed:
            violation = failed
    _report(soak, time.monotonic() - started, violations=1 if violation else 0)
    if violation:
        err.print(f"VIOLATION with --seed {options.seed}: {violation}\nthe last operations:", *soak.last, sep="\n")
        return 1
    run_histories(options.operations // _OPERATIONS_PER_HISTORY)
    return 0


def _report(soak: Soak, seconds: float, violations: int) -> None:
    world = soak.world
    shown = table("what", "number", numbers=["number"])
    sections: Mapping[str, Mapping[str, int]] = {
        "operations": soak.done,
        "faults that struck": world.faults.struck,
        "refusals seen by the services": world.faults.raised,
        "messages delivered": world.deliveries,
        "answers to commands": world.people.answers,
        "orders": world.truth.outcomes(),
        "parcels, returns and refunds": world.truth.after_sale(),
    }
    for title, figures in sections.items():
        shown.add_row(f"{title}", f"{sum(figures.values())}")
        for name, number in sorted(figures.items()):
            shown.add_row(f"  {name}", str(number))
    shown.add_row("commits", f"{len(soak.system.log())}")
    shown.add_row("violations", f"{violations}")
    shown.add_row("seconds", f"{seconds:.0f}")
    out.print(shown)


if __name__ == "__main__":
    sys.exit(main())
