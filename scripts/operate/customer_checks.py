"""The post-deploy test of the front door: a customer of its own orders, and cancels another order."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from time import monotonic, sleep
from typing import NamedTuple
from uuid import uuid4

from botocore.exceptions import ClientError

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.order_client import OrderClient
from scripts.operate.post_deploy_suite import Check
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_requests import ProblemError
from scripts.operate.shop_users import ShopUsers
from services.cart_service.api import CartLineView
from services.libs.store.event_store import EventStore
from services.order_service.order_statuses import OrderStatus
from services.order_service.order_views import OrderLineView
from services.payment_service.simulated_gateway import accepts
from services.shared.cart_lifecycle import cart_stream, checkout_order_id
from services.shared.events.order import OrderConfirmed
from services.shared.refusals import Refusal

_CASE = "shop API"
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.02
_CANCELLATIONS = 5
"""An order may be in fulfilment before its customer cancels it: then another is tried, so many at most."""
_DENIED = ("AccessDeniedException", "AccessDenied")
"""As AWS says it, and as the embedded AWS does."""


class Customer(NamedTuple):
    client: ShopClient
    customer_id: str


class CustomerChecks:
    """Orders one unit of `sku` at a time; `sold` counts those that stay sold."""

    def __init__(self, target: Target, deployment: Deployment, sku: str) -> None:
        self.sold = {sku: 0}
        self._target = target
        self._deployment = deployment
        self._sku, self._one = sku, [f"1 {sku}"]
        self._users = ShopUsers(target, deployment)
        self._orders = OrderClient(target, deployment)
        self._store = EventStore(target.client("dynamodb"), deployment.store_tables)

    def checks(self) -> Iterator[Check]:
        """Check what anybody may do, and what a customer does, where these credentials may make one."""
        nobody = ShopClient.of(self._target, self._deployment)
        yield Check(_CASE, "health", "ok", nobody.get_health().content.status)
        yield Check(_CASE, "status of a cart without a token", HTTPStatus.UNAUTHORIZED, _status_of_cart(nobody))
        if self._deployment.payment_success_rate <= 0:
            out.print("not tested: carts, checkout and cancellation at the shop API, as no payment succeeds here")
            return
        with self._customer() as customer:
            if customer:
                yield from self._order(customer)
                yield from self._cancel(customer)

    @contextmanager
    def _customer(self) -> Iterator[Customer | None]:
        """A user of this test alone, who is removed at the end; None if these credentials may not make one."""
        name = f"post-deploy-{uuid4().hex}"
        try:
            token = self._users.sign_up(name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _DENIED or error.operation_name != "AdminCreateUser":
                raise
            out.print(
                "not tested: carts, checkout and cancellation at the shop API, as these credentials may not make a "
                "customer in its user pool (cognito-idp:AdminCreateUser)"
            )
            yield None
            return
        try:
            yield Customer(ShopClient.of(self._target, self._deployment, token.text), token.customer_id)
        finally:
            self._users.remove(name)

    def _order(self, customer: Customer) -> Iterator[Check]:
        order_id = yield from self._checked_out(customer)
        history = self._orders.wait([order_id], _TIMEOUT_SECONDS)[order_id]
        last = history.concluded.events[0].type_name() if history.concluded else None
        yield Check(_CASE, "outcome of the checkout", OrderConfirmed.type_name(), last)
        order = customer.client.get_order(order_id).content
        yield Check(_CASE, "the order, as its customer sees it", self._one, _goods(order.lines))
        self.sold[self._sku] += 1

    def _cancel(self, customer: Customer) -> Iterator[Check]:
        """Cancel an order between its decision and its fulfilment, which may start first."""
        for _ in range(_CANCELLATIONS):
            order_id = yield from self._checked_out(customer)
            if cancelled := _cancelled(customer.client, order_id):
                yield Check(_CASE, "status of the cancelled order", OrderStatus.CANCELLED, cancelled)
                return
            self.sold[self._sku] += 1
        yield Check(_CASE, f"one of {_CANCELLATIONS} orders is cancelled before its fulfilment starts", True, False)  # noqa: FBT003

    def _checked_out(self, customer: Customer) -> Generator[Check, None, str]:
        """Fill the cart and check it out; return the order's id."""
        client = customer.client
        version = client.add_cart_item(self._sku, 1, client.get_cart().version).version
        # The simulated gateway decides by the order's id, which follows from the cart's last commit.
        units = 1
        while not self._is_paid(customer) or units != 1:
            units = 3 - units
            version = client.set_cart_item(self._sku, units, version).version
        cart = client.get_cart().content
        yield Check(_CASE, "cart", self._one, _goods(cart.lines))
        placed = client.check_out_cart(cart.totals[0], version)
        yield Check(_CASE, "status of the checkout", HTTPStatus.ACCEPTED, placed.status)
        return placed.content.order_id

    def _is_paid(self, customer: Customer) -> bool:
        """Whether the gateway will charge the order of the cart as it is."""
        last = self._store.read(cart_stream(customer.customer_id))[-1]
        return accepts(checkout_order_id(last), self._deployment.payment_success_rate)


def _goods(lines: Iterable[CartLineView | OrderLineView]) -> list[str]:
    return [f"{line.quantity} {line.sku}" for line in lines]


def _status_of_cart(nobody: ShopClient) -> int:
    try:
        return nobody.get_cart().status
    except ProblemError as refused:
        return refused.status


def _cancelled(client: ShopClient, order_id: str) -> OrderStatus | None:
    """Cancel the order as soon as it is decided; return its status then, None if its fulfilment has started."""
    until = monotonic() + _TIMEOUT_SECONDS
    while monotonic() < until:
        try:
            return client.cancel_order(order_id).content.status
        except ProblemError as refused:
            if refused.reason == Refusal.TOO_LATE:
                return None
            if refused.reason != Refusal.NOT_YET:
                raise
            sleep(_POLL_SECONDS)
    raise UserError(f"order {order_id} was not decided within {_TIMEOUT_SECONDS:.0f} s")
