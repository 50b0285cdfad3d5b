"""The cart service's use cases: fill a cart, check it out, and clear the carts that were left alone."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from services.cart_service.domain import (
    Cart,
    Events,
    Request,
    Stock,
    Total,
    abandon,
    add,
    check_out,
    clear,
    closes,
    leave,
    next_check,
    next_commit,
    remove,
    require_version,
    set_quantity,
)
from services.libs.observability.structured_logging import logger
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.due_streams import look_at_each
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable
from services.libs.store.next_commit import History, write_command, write_next
from services.shared.cart_lifecycle import cart_stream, customer_id_of
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.deadlines import DeadlineGroup
from services.shared.events.cart import CartCheckoutInitiated
from services.shared.faults import SecondsLeft, no_hurry


class CartService:
    """What customers do with their carts.

    Each command returns the cart as it left it, a repeated one too. It raises RefusedError: ERASED, KEY_REUSED, STALE,
    and what its decision in the domain raises; and ContentionError.
    """

    def __init__(self, store: EventStore, inventory: InventoryTable, abandoned_after: timedelta) -> None:
        self._store = store
        self._inventory = inventory
        self._abandoned_after = abandoned_after

    def read(self, customer_id: str) -> tuple[Cart, Stock]:
        """The customer's cart, and what there is of its products now."""
        cart = Cart.of(customer_id, _read(self._store, customer_id))
        return cart, self._inventory.read(cart.lines)

    def add(self, customer_id: str, sku: str, quantity: int, request: Request) -> Cart:
        return self._carry_out(customer_id, request, lambda cart: add(cart, sku, quantity, self._inventory.read([sku])))

    def set_quantity(self, customer_id: str, sku: str, quantity: int, request: Request) -> Cart:
        return self._carry_out(
            customer_id, request, lambda cart: set_quantity(cart, sku, quantity, self._inventory.read([sku]))
        )

    def remove(self, customer_id: str, sku: str, request: Request) -> Cart:
        return self._carry_out(customer_id, request, lambda cart: remove(cart, sku))

    def clear(self, customer_id: str, request: Request) -> Cart:
        return self._carry_out(customer_id, request, clear)

    def check_out(self, customer_id: str, shown: Total, request: Request) -> tuple[Cart, CartCheckoutInitiated]:
        """Place the order of what is in the cart; raises PriceChangedError too."""
        cart = self._carry_out(
            customer_id, request, lambda cart: check_out(cart, shown, self._inventory.read(cart.lines))
        )
        if cart.last is None:
            raise LookupError("a checkout without a commit")
        return cart, cart.last.get(CartCheckoutInitiated)

    def _carry_out(self, customer_id: str, request: Request, decide: Callable[[Cart], Events]) -> Cart:
        """Find the commit of a repeated command, or else decide and write it."""

        def decided(history: History) -> Commit | None:
            cart = Cart.of(customer_id, history)
            require_version(cart, request.version)
            return next_commit(cart, decide(cart), request, self._abandoned_after)

        store = self._store.for_customer(customer_id)
        history, commit = write_command(store, lambda: _read(store, customer_id), request.command, decided)
        if commit is None:
            return Cart.of(customer_id, history)
        before = [earlier for earlier in history if earlier.version < commit.version]
        return Cart.of(customer_id, [*before, commit])


class ErasedCustomers:
    """Leaves no cart open of a customer who is erased: from their erasure on, no other is begun."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def clear_cart(self, customer_id: str, cause: Cause) -> None:
        """Clear the open cart, be it from before or from a backup. A repetition finds none."""
        write_next(
            self._store,
            lambda: _read(self._store, customer_id),
            lambda history: leave(Cart.of(customer_id, history), cause),
        )


class AbandonedCarts:
    """Clears the carts that nobody has touched for so long."""

    def __init__(self, store: EventStore, deadlines: DeadlineTable, abandoned_after: timedelta) -> None:
        self._store = store
        self._deadlines = deadlines
        self._abandoned_after = abandoned_after

    def clear_all(
        self, stream_ids: Sequence[str], now: datetime, seconds_left: SecondsLeft = no_hurry
    ) -> dict[str, Exception]:
        """Clear each cart that is due, or give it its next deadline if it was touched meanwhile.

        Return the failures by stream: these have no deadline, as their message comes again.
        """
        failures = look_at_each(
            stream_ids,
            lambda stream_id: self._clear(customer_id_of(stream_id), now),
            self._deadlines,
            now,
            seconds_left,
        )
        if failures:
            logger.warning("carts could not be looked at", extra={"carts": len(failures)})
        return failures

    def _clear(self, customer_id: str, now: datetime) -> None:
        history, cleared = write_next(
            self._store,
            lambda: _read(self._store, customer_id),
            lambda history: abandon(Cart.of(customer_id, history), now, self._abandoned_after),
        )
        cart = Cart.of(customer_id, history)
        if cleared is None and cart.touched_at:
            due_at = next_check(cart.stream_id, cart.touched_at, self._abandoned_after)
            self._deadlines.write(DeadlineGroup((cart.stream_id,), due_at, now))


def _read(store: EventStore, customer_id: str) -> History:
    return store.read_back(cart_stream(customer_id), closes)
