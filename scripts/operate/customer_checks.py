"""The post-deploy test of the front door: a customer of its own orders, cancels, asks staff, and is erased."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from time import monotonic, sleep
from typing import NamedTuple
from uuid import uuid4

from botocore.exceptions import ClientError

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.waiting import wait_until
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.order_client import OrderClient
from scripts.operate.post_deploy_suite import Check
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_requests import Answer, Content, ProblemError
from scripts.operate.shop_users import AccessToken, ShopUsers, email_of
from services.cart_service.api import CartLineView
from services.customer_service.api import MyChanges
from services.libs.store.event_store import EventStore
from services.order_service.order_statuses import OrderStatus
from services.order_service.order_views import OrderLineView
from services.payment_service.simulated_gateway import accepts
from services.shared.cart_lifecycle import cart_stream, checkout_order_id
from services.shared.events.order import OrderConfirmed
from services.shared.refusals import Refusal
from services.support_service.api import CreateTicket
from services.support_service.domain import TicketStatus

_CASE = "shop API"
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.02
_REMOVAL_SECONDS = 60.0
_USER_POLL_SECONDS = 0.2
_CANCELLATIONS = 5
"""An order may be in fulfilment before its customer cancels it: then another is tried, so many at most."""
_NAME = "Post-deploy test"
"""All that the test's customer tells of themselves."""
_CUSTOMERS_ONLY = "profiles, carts, checkout, cancellation, tickets and erasure at the shop API"
_MAKE_PEOPLE = ("AdminCreateUser", "AdminAddUserToGroup")
_DENIED = ("AccessDeniedException", "AccessDenied")
"""As AWS says it, and as the embedded AWS does."""


class Person(NamedTuple):
    """Somebody who is signed in; `name` is that of their user."""

    name: str
    client: ShopClient
    customer_id: str


class People(NamedTuple):
    customer: Person
    staff: Person


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
        """Check what anybody may do, and what a customer and staff do, where these credentials may make them."""
        nobody = ShopClient.of(self._target, self._deployment)
        yield Check(_CASE, "health", "ok", nobody.get_health().content.status)
        yield Check(_CASE, "status of a cart without a token", HTTPStatus.UNAUTHORIZED, _status_of(nobody.get_cart))
        if self._deployment.payment_success_rate <= 0:
            out.print(f"not tested: {_CUSTOMERS_ONLY}, as no payment succeeds here")
            return
        with self._people() as people:
            if people:
                yield from self._keep_profile(people.customer)
                order_id = yield from self._order(people.customer)
                yield from self._cancel(people.customer)
                yield from self._answer(people, order_id)
                for role, person in people._asdict().items():
                    yield from self._erase(role, person)

    @contextmanager
    def _people(self) -> Iterator[People | None]:
        """Users of this test alone, who are erased at the end; None if these credentials may not make them."""
        with ExitStack() as stack:
            try:
                people = People(*(stack.enter_context(self._person(staff=staff)) for staff in (False, True)))
            except ClientError as error:
                if error.response["Error"]["Code"] not in _DENIED or error.operation_name not in _MAKE_PEOPLE:
                    raise
                out.print(
                    f"not tested: {_CUSTOMERS_ONLY}, as these credentials may not make a customer and a member of the "
                    f"staff in its user pool (cognito-idp:{error.operation_name})"
                )
                people = None
            yield people

    @contextmanager
    def _person(self, *, staff: bool) -> Iterator[Person]:
        name = f"post-deploy-{uuid4().hex}"
        person = self._signed_in(name, self._users.sign_up(name))
        try:
            if staff:
                self._users.make_staff(email_of(name))
                person = self._signed_in(name, self._users.sign_in_anew(email_of(name)))
            yield person
        finally:
            self._forget(person)

    def _signed_in(self, name: str, token: AccessToken) -> Person:
        return Person(name, ShopClient.of(self._target, self._deployment, token.text), token.customer_id)

    def _forget(self, person: Person) -> None:
        """Erase them, unless that is done; if it fails, nobody can sign in as them at least."""
        try:
            person.client.delete_me()
        except (ProblemError, UserError):
            self._users.remove(person.name)
            raise

    def _keep_profile(self, customer: Person) -> Iterator[Check]:
        client = customer.client
        client.change_me(MyChanges(name=_NAME), client.get_me().version)
        yield Check(_CASE, "the name in the customer's profile", _NAME, client.get_me().content.name)

    def _answer(self, people: People, order_id: str) -> Iterator[Check]:
        """Ask about the order as the customer, and answer as staff."""
        customer, staff = people.customer.client, people.staff.client
        new = CreateTicket.model_validate({"subject": _NAME, "text": "Where is it?", "orderId": order_id})
        ticket_id = customer.create_ticket(new).content.ticket_id
        staff.resolve_ticket(ticket_id, "On its way.")
        ticket = customer.get_ticket(ticket_id).content
        said = [f"{message.sender}: {message.text}" for message in ticket.messages]
        yield Check(_CASE, "status of the customer's ticket", TicketStatus.RESOLVED, ticket.status)
        yield Check(_CASE, "messages of the ticket", ["customer: Where is it?", "staff: On its way."], said)

    def _erase(self, role: str, person: Person) -> Iterator[Check]:
        """Erase the person, and look at what is left of them."""
        erased, left = _status_of(person.client.delete_me), _status_of(person.client.get_me)
        yield Check(_CASE, f"status of the erasure of the {role}", HTTPStatus.NO_CONTENT, erased)
        yield Check(_CASE, f"status of the erased {role}'s profile", HTTPStatus.GONE, left)
        is_gone = wait_until(lambda: not self._users.exists(person.name), _REMOVAL_SECONDS, _USER_POLL_SECONDS)
        yield Check(_CASE, f"the erased {role}'s user is gone", True, is_gone)  # noqa: FBT003

    def _order(self, customer: Person) -> Generator[Check, None, str]:
        """Order, and wait for the decision; return the order's id."""
        order_id = yield from self._checked_out(customer)
        history = self._orders.wait([order_id], _TIMEOUT_SECONDS)[order_id]
        last = history.concluded.events[0].type_name() if history.concluded else None
        yield Check(_CASE, "outcome of the checkout", OrderConfirmed.type_name(), last)
        order = customer.client.get_order(order_id).content
        yield Check(_CASE, "the order, as its customer sees it", self._one, _goods(order.lines))
        self.sold[self._sku] += 1
        return order_id

    def _cancel(self, customer: Person) -> Iterator[Check]:
        """Cancel an order between its decision and its fulfilment, which may start first."""
        for _ in range(_CANCELLATIONS):
            order_id = yield from self._checked_out(customer)
            if cancelled := _cancelled(customer.client, order_id):
                yield Check(_CASE, "status of the cancelled order", OrderStatus.CANCELLED, cancelled)
                refused = _reason_of(partial(customer.client.give_feedback, order_id, 5))
                yield Check(_CASE, "feedback on an order that was not delivered", Refusal.NOT_ALLOWED, refused)
                return
            self.sold[self._sku] += 1
        yield Check(_CASE, f"one of {_CANCELLATIONS} orders is cancelled before its fulfilment starts", True, False)  # noqa: FBT003

    def _checked_out(self, customer: Person) -> Generator[Check, None, str]:
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

    def _is_paid(self, customer: Person) -> bool:
        """Whether the gateway will charge the order of the cart as it is."""
        last = self._store.read(cart_stream(customer.customer_id))[-1]
        return accepts(checkout_order_id(last), self._deployment.payment_success_rate)


def _goods(lines: Iterable[CartLineView | OrderLineView]) -> list[str]:
    return [f"{line.quantity} {line.sku}" for line in lines]


def _status_of(request: Callable[[], Answer[Content]]) -> int:
    try:
        return request().status
    except ProblemError as refused:
        return refused.status


def _reason_of(request: Callable[[], object]) -> str | None:
    """Why it is refused; None if it is not."""
    try:
        request()
    except ProblemError as refused:
        return refused.reason
    return None


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
