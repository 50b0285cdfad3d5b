"""Every route of the shop API, and everyone who may come: with the right token, a wrong one, or none."""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import partial

import pytest
import requests

from scripts.deploy.generated_secrets import CARRIER_SECRET, required
from services.libs.http.bodies import LARGEST_BODY_BYTES
from services.libs.http.signatures import SIGNATURE_HEADER, WINDOW_SECONDS, signature
from tests.integration.access import ERASE, EXPECTED, GIVE_FEEDBACK, MESSAGE, ROUTES, WEBHOOK, Shop, Who, filled
from tests.integration.routes import Route
from tests.integration.tokens import Forger, Person, another_pool, now, tampered, unsigned
from tests.integration.world import World, eventually

_LARGE = "x" * 2**20


@pytest.fixture(scope="module")
def shop(world: World) -> Iterator[Shop]:
    """Nothing but the requests moves an order on."""
    with world.paused("order-service"), world.paused("payment-service"), world.paused("fulfilment-service"):
        yield Shop(world)


@pytest.fixture(scope="module")
def leaving(shop: Shop) -> Iterator[Shop]:
    """A shop whose customer was erased. What follows from that stands still: their cart and their tickets stay."""
    with shop.world.paused("cart-service"), shop.world.paused("support-service"):
        shop = shop.with_new_people()
        shop.have_carts()
        assert shop.call(ROUTES[ERASE], Who.CUSTOMER).status_code == 204
        yield shop


def test_it_is_said_of_every_route_who_may_call_it() -> None:
    assert EXPECTED.keys() == ROUTES.keys(), "say here what each caller of a new route is answered"


@pytest.mark.parametrize("key", EXPECTED)
def test_a_route_lets_in_those_who_may_call_it(shop: Shop, leaving: Shop, key: str) -> None:
    route, expected = ROUTES[key], EXPECTED[key].statuses
    shop = leaving if key == ERASE else shop
    shop.prepare(route)

    answers = {who: shop.call(route, who) for who in Who}

    assert {who: answer.status_code for who, answer in answers.items()} == expected
    if expected[Who.ANOTHER] in {404, 422}:
        _hides(shop, route, shop.values_for(route))


def _hides(shop: Shop, route: Route, values: Mapping[str, str]) -> None:
    """Another customer is answered as if there were no such thing."""
    # Where the path names nothing, the body names an order.
    name = next((each for each in ("orderId", "sku", "ticketId") if f"{{{each}}}" in route.path), "orderId")
    told, unknown = (shop.call(route, Who.ANOTHER, {**values, name: one}) for one in (values[name], "unknown-1"))

    assert (told.status_code, told.text.replace(values[name], "unknown-1")) == (
        EXPECTED[route.key].another,
        unknown.text,
    )
    assert told.headers.keys() == unknown.headers.keys()


def test_an_order_that_is_not_decided_yet_is_hidden_from_another_customer_too(shop: Shop) -> None:
    shop.have_carts()
    order = {"orderId": shop.call(ROUTES["POST /v1/cart/checkout"], Who.CUSTOMER).json()["orderId"]}

    for route in ROUTES.values():
        if "{orderId}" in route.path and EXPECTED[route.key].another == 404:
            _hides(shop, route, shop.values_for(route) | order)
    read = shop.call(ROUTES["GET /v1/orders/{orderId}"], Who.CUSTOMER, order)
    assert (read.status_code, read.json()["status"]) == (200, "placed")


def test_everybody_finds_their_own_profile_and_nobody_that_of_another(shop: Shop) -> None:
    profiles = {who: shop.call(ROUTES["GET /v1/me"], who).json()["customerId"] for who in shop.people}

    assert profiles == {who: person.customer_id for who, person in shop.people.items()}
    assert {route.path for route in ROUTES.values() if "/MeView" in str(route.operation)} == {"/v1/me"}


def test_a_customer_lists_their_own_tickets_and_staff_those_of_all(shop: Shop) -> None:
    route, tickets = ROUTES["GET /v1/tickets"], set(shop.tickets.values())

    def found(who: Who) -> set[str]:
        return tickets & {ticket["ticketId"] for ticket in shop.call(route, who).json()["tickets"]}

    eventually(lambda: found(Who.STAFF) == tickets, "an index with both tickets")
    assert {who: found(who) for who in shop.people} == {Who.ANOTHER: set(), Who.STAFF: tickets, Who.CUSTOMER: tickets}


def test_nothing_begins_for_an_erased_customer_and_nobody_reads_what_they_wrote(leaving: Shop) -> None:
    routes = [route for route in ROUTES.values() if "410" in route.operation["responses"]]
    by = {route.key: Who.STAFF if EXPECTED[route.key].customer == 403 else Who.CUSTOMER for route in routes}

    answers = {route.key: leaving.call(route, by[route.key]).status_code for route in routes}

    assert answers == dict.fromkeys(by, 410)
    assert {"PATCH /v1/me", "POST /v1/cart/checkout", "POST /v1/tickets", GIVE_FEEDBACK} <= answers.keys()
    ticket = leaving.call(ROUTES["GET /v1/tickets/{ticketId}"], Who.STAFF).json()
    assert (ticket["subject"], [message["text"] for message in ticket["messages"]]) == (None, [None])


class RefusedBy(StrEnum):
    GATEWAY = "gateway"
    FUNCTION = "function"


def _refused_by(answer: requests.Response) -> RefusedBy:
    is_problem = answer.headers["content-type"].startswith("application/problem+json")
    return RefusedBy.FUNCTION if is_problem else RefusedBy.GATEWAY


class BadTokens:
    """Each made of the customer's token, which is good."""

    def __init__(self, shop: Shop) -> None:
        world, person = shop.world, shop.people[Who.CUSTOMER]
        good, pool = person.access_token, another_pool(world)
        stranger = Person.signed_up(world, staff=True, pool=pool)
        forger, thief = Forger(world, world.deployment.user_pool), Forger(world, pool)
        self.tokens: dict[str, tuple[str, RefusedBy]] = {
            "none": ("", RefusedBy.GATEWAY),
            "no token": ("garbage", RefusedBy.GATEWAY),
            "expired": (forger.signed(good, exp=now() - 1), RefusedBy.GATEWAY),
            "issued in the future": (forger.signed(good, iat=now() + 600), RefusedBy.GATEWAY),
            "of another client": (forger.signed(good, client_id="another"), RefusedBy.GATEWAY),
            "of another issuer": (forger.signed(good, iss="https://issuer.example"), RefusedBy.GATEWAY),
            "of another pool": (stranger.access_token, RefusedBy.GATEWAY),
            "signed with the key of another pool": (thief.signed(good), RefusedBy.GATEWAY),
            "signed with nothing": (unsigned(good), RefusedBy.GATEWAY),
            "signed with the public key": (forger.signed_by_public_key(good), RefusedBy.GATEWAY),
            "tampered to be another's": (tampered(good, customer_id="c-victim"), RefusedBy.GATEWAY),
            "tampered to be staff's": (tampered(good, **{"cognito:groups": ["staff"]}), RefusedBy.GATEWAY),
            "an id token": (person.id_token, RefusedBy.FUNCTION),
            "an id token of staff": (shop.people[Who.STAFF].id_token, RefusedBy.FUNCTION),
            "without a customer": (forger.signed(good, customer_id=None), RefusedBy.FUNCTION),
        }
        self.good = forger.signed(good)


@pytest.fixture(scope="module")
def bad_tokens(shop: Shop) -> BadTokens:
    return BadTokens(shop)


def test_no_route_for_those_who_are_signed_in_takes_a_bad_token(shop: Shop, bad_tokens: BadTokens) -> None:
    routes = [route for route in ROUTES.values() if route.needs_token]
    assert shop.send(ROUTES["GET /v1/cart"], bad_tokens.good).status_code == 200

    wrong = {
        (name, route.key): (answer.status_code, _refused_by(answer))
        for name, (token, refuses) in bad_tokens.tokens.items()
        for route in routes
        if ((answer := shop.send(route, token)).status_code, _refused_by(answer)) != (401, refuses)
    }

    assert not wrong
    assert len(routes) > 10


def test_a_public_route_takes_no_notice_of_a_token(shop: Shop, bad_tokens: BadTokens) -> None:
    expired, _ = bad_tokens.tokens["expired"]

    assert shop.send(ROUTES["GET /v1/products"], expired).status_code == 200


@pytest.mark.parametrize("key", [key for key, route in ROUTES.items() if route.has_body and route.needs_token])
def test_a_body_of_a_megabyte_is_too_large(shop: Shop, key: str) -> None:
    staff = shop.people[Who.STAFF].access_token

    answers = [shop.send(ROUTES[key], token, body=json.dumps({"name": _LARGE})) for token in (staff, "")]

    assert [answer.status_code for answer in answers] == [413, 401]


class TestCarrier:
    """The carrier, and those who pretend to be it."""

    @pytest.fixture
    def message(self, shop: Shop) -> bytes:
        return (filled(MESSAGE, shop.values) or "").encode()

    @pytest.fixture
    def secret(self, world: World) -> bytes:
        return required(world.target, CARRIER_SECRET).encode()

    @staticmethod
    def _send(shop: Shop, message: bytes, signed: str | None) -> int:
        headers = {SIGNATURE_HEADER: signed} if signed else {}
        return shop.send(ROUTES[WEBHOOK], headers=headers, body=message).status_code

    def test_what_it_signs_is_taken(self, shop: Shop, message: bytes, secret: bytes) -> None:
        assert self._send(shop, message, signature(secret, message, now())) == 200

    def test_nothing_else_is(self, shop: Shop, message: bytes, secret: bytes) -> None:
        sign = partial(signature, secret, message)
        signatures = {
            "none": None,
            "no signature": "garbage",
            "with another secret": signature(b"another", message, now()),
            "of another message": signature(secret, message + b" ", now()),
            "of another time": sign(now()).replace(f"t={now()}", f"t={now() + 1}"),
            "old": sign(now() - WINDOW_SECONDS - 1),
            "of the future": sign(now() + WINDOW_SECONDS + 10),
        }

        assert {name: self._send(shop, message, each) for name, each in signatures.items()} == dict.fromkeys(
            signatures, 401
        )

    def test_not_even_the_carrier_may_send_a_megabyte(self, shop: Shop, secret: bytes) -> None:
        message = json.dumps({"note": _LARGE}).encode()

        assert len(message) > LARGEST_BODY_BYTES
        assert self._send(shop, message, signature(secret, message, now())) == 413
        assert self._send(shop, message, None) in {401, 413}
