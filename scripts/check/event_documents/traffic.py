"""The senders and receivers of each event, as the code declares them."""

from collections.abc import Iterator
from dataclasses import dataclass

from scripts.lambdas_config import LAMBDAS
from scripts.ledger.lifecycles import LIFECYCLES
from services.shared.events import every
from services.shared.events.event import Event
from services.shared.lifecycle import Transition

TOOLS = "tools"
"""The writer of operators' commits."""
OUTSIDE = "outside"
"""The sender that stands for all producers that are no part of PulseQueue."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """One event's bus, and the services that send and receive it."""

    bus: str
    senders: tuple[str, ...]
    receivers: tuple[str, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether producers outside send the event."""
        return OUTSIDE in self.senders

    @property
    def is_published(self) -> bool:
        """Whether a part of PulseQueue sends the event."""
        return any(sender != OUTSIDE for sender in self.senders)


def declared_events() -> tuple[type[Event], ...]:
    """Every event of every context, in the order of the modules."""
    return tuple(
        value
        for module in every.MODULES
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Event) and value.__module__ == module.__name__
    )


def declared_traffic() -> dict[type[Event], Traffic]:
    """Find the senders in the lifecycles, and the receivers in the handlers."""
    written = {(event, step.writer) for step in _transitions() for event in step.events}
    consumed = [(service, event) for service, events in declared_consumers().items() for event in events]
    return {
        event: Traffic(
            bus=event.BUS.value,
            senders=(
                *sorted(writer for kind, writer in written if kind is event),
                *([OUTSIDE] if event.FROM_OUTSIDE else []),
            ),
            receivers=tuple(sorted(service for service, kind in consumed if kind is event)),
        )
        for event in declared_events()
    }


def declared_consumers() -> dict[str, tuple[type[Event], ...]]:
    """The events that each function takes from its queue, by the function's name."""
    return {config.function: getattr(config.load(), "CONSUMES", ()) for config in LAMBDAS}


def declared_writers() -> set[str]:
    """The writers of commits: services, and TOOLS."""
    return {step.writer for step in _transitions()}


def _transitions() -> Iterator[Transition]:
    return (step for lifecycle in LIFECYCLES for step in lifecycle.transitions)
