"""What may happen in the middle of a use case: a call goes wrong, or somebody else comes first."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from services.shared.events.fulfilment import ParcelStatus
from tests.model.faults import Fault

if TYPE_CHECKING:
    from tests.model.world import World


def _sweep_and_arrive(world: "World") -> None:
    world.sweep()
    world.arrive()


_SWEEPS: Mapping[str, Callable[["World"], None]] = {
    "a sweep": lambda world: world.sweep(),
    "a sweep, and everything arrives": _sweep_and_arrive,
}
_RIVALS: Mapping[str, Callable[["World"], None]] = {
    "another order takes all": lambda world: world.rival(),
    "the stock is lowered": lambda world: world.seed("sku-a", 1),
}
MEANWHILE: Mapping[str, Callable[["World"], None]] = {
    **_SWEEPS,
    **_RIVALS,
    "a message arrives": lambda world: world.deliver(),
    "another message arrives": lambda world: world.deliver(-1),
    "everything arrives": lambda world: world.arrive(),
    "some seconds pass": lambda world: world.advance(5),
    "the customer cancels": lambda world: world.people.cancel(world.order(0)),
    "a parcel comes home": lambda world: world.come_home(0, together=True),
    "a parcel is lost": lambda world: world.carrier_moves(0, ParcelStatus.LOST),
    "the carrier tells": lambda world: world.people.carrier_tells(0),
    "staff asks again for refunds": lambda world: world.people.retry_failed_refunds(),
}
SWEEPS, RIVALS = tuple(_SWEEPS), tuple(_RIVALS)
TROUBLES = (*Fault, *MEANWHILE)
