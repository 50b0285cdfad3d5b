"""The command suite finds what went wrong with a command."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from scripts.deploy.target import Target
from scripts.operate.shop_requests import Answer, ProblemError
from services.cart_service.api import CartLineView, CartView
from services.cart_service.domain import Cart, Request, Total, add, check_out, next_commit
from services.shared.commits import Command, Commit, order_stream
from services.shared.events.customer import CustomerErased, CustomerRegistered
from services.shared.events.order import OrderPlaced
from services.shared.events.support import SupportTicketCreated
from services.shared.support_lifecycle import TICKET_PREFIX
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, decide, inventory, placed_order, stock_item
from tests.faults import guests
from tests.faults.commands import AnyAnswer, CartCommands, Log, Repetition, Sent
from tests.faults.evidence import Evidence
from tests.unit.conftest import Aws

_STOCK = {"mug": stock_item("mug")}
_REQUEST = CartCommands("ada").add("mug", 2, version=0)
_STALE = ProblemError(412, "the cart is at version 1", kind="urn:pulsequeue:stale")


def _added(version: int = 1) -> Commit:
    cause = replace(CAUSE, event_id=f"request-{_REQUEST.correlation_id}")
    cart = Cart.of("ada", ())
    commit = next_commit(cart, add(cart, "mug", 2, _STOCK), Request(0, cause, _REQUEST.command), PAYMENT_TIMEOUT)
    assert commit
    return replace(commit, version=version)


def _checked_out() -> Commit:
    cart = Cart.of("ada", [_added()])
    commit = next_commit(cart, check_out(cart, Total(1000, "GBP"), _STOCK), Request(1, CAUSE), PAYMENT_TIMEOUT)
    assert commit
    return commit


def _answer(quantity: int = 2, version: int = 1) -> AnyAnswer:
    line = CartLineView(sku="mug", name="Product mug", quantity=quantity, unit_price_minor=500, currency="GBP")
    return Answer(200, CartView(lines=(line,), totals=()), version, None, None, _REQUEST.correlation_id)


def _decided() -> Commit:
    stream_id = order_stream(_checked_out().get(OrderPlaced).order_id)
    return replace(decide(placed_order(), inventory(stock_item())), stream_id=stream_id)


def _failures(log: Log, *commits: Commit) -> dict[str, list[str]]:
    return Evidence(log, commits).failures()


def test_a_command_that_is_stored_as_it_was_acknowledged_is_right() -> None:
    sent = Sent(_REQUEST, _answer())
    log = Log([sent], [Repetition(sent, sent), Repetition(sent, Sent(_REQUEST))])

    assert _failures(log, _added(), _checked_out(), _decided()) == {}


@pytest.mark.parametrize("problem", [None, ProblemError(503, "contention")])
def test_a_command_without_an_answer_may_be_stored_or_not(problem: ProblemError | None) -> None:
    log = Log([Sent(_REQUEST, problem=problem)])

    assert _failures(log) == _failures(log, _added()) == {}
    assert Evidence(log, [_added()]).unacknowledged() == {"not answered, stored": 1}


@pytest.mark.parametrize(
    ("answer", "stored"),
    [
        (_answer(), []),
        (_answer(), [_added(), _added(version=2)]),
        (_answer(), [replace(_added(), stream_id="cart#bob")]),
        (_answer(), [replace(_added(), command=None)]),
        (_answer(), [replace(_added(), command=Command("key", "content"))]),
        (_answer(version=2), [_added()]),
        (_answer(quantity=3), [_added()]),
        (None, [_added(), _added(version=2)]),
        (None, [replace(_added(), events=_checked_out().events)]),
    ],
)
def test_a_command_is_stored_once_and_as_it_was_acknowledged(answer: AnyAnswer | None, stored: list[Commit]) -> None:
    assert _failures(Log([Sent(_REQUEST, answer)]), *stored)["commands"]


def test_a_personal_command_is_stored_with_a_hash_that_nobody_else_makes() -> None:
    request = guests.open_ticket("ada", "where is it?")
    assert request.command
    created = SupportTicketCreated(
        ticket_id=request.stream_id.removeprefix(TICKET_PREFIX),
        customer_id="ada",
        sealed_subject="c2VhbGVk",
        sealed_text="c2VhbGVk",
    )
    cause = replace(CAUSE, event_id=f"request-{request.correlation_id}")
    stored = Commit(request.stream_id, 1, (created,), cause, command=Command(request.command.key, "hidden"))
    registered = Commit("customer#ada", 1, (CustomerRegistered(customer_id="ada"),), cause)
    log = Log([Sent(request)])

    assert _failures(log, registered, stored) == {}
    assert _failures(log, registered, replace(stored, command=request.command))
    assert _failures(log, registered, replace(stored, command=Command("key", "hidden")))


def test_what_is_left_of_an_erased_guest_is_found(aws: Aws) -> None:
    target = cast("Target", SimpleNamespace(client=lambda _: aws.dynamodb))
    erased = Commit("customer#ada", 1, (CustomerErased(customer_id="ada"),), CAUSE)

    def left(*commits: Commit) -> list[str]:
        return list(guests.not_forgotten(target, aws.deployment, commits, ["ada"]))

    assert left(erased) == ["ada: no tombstone"]
    aws.store.attaching(aws.keys.erasure("ada", NOW, "user-1")).append(erased)
    assert "user-1" in "".join(left(erased))
    aws.keys.forget_user("ada")
    assert left(erased) == []
    assert left(erased, _added()) == ["cart#ada is open"]


def test_a_defect_of_a_service_is_no_missing_answer() -> None:
    assert _failures(Log([Sent(_REQUEST, problem=ProblemError(500, "something went wrong"))]))["commands"]


def test_a_refused_command_is_not_stored_unless_its_cart_was_closed_since() -> None:
    log = Log([Sent(_REQUEST, problem=_STALE)])

    assert _failures(log, _added())["commands"]
    assert _failures(log, _added(), _checked_out(), _decided()) == {}


def test_a_repetition_gets_the_same_answer() -> None:
    sent = Sent(_REQUEST, _answer())

    for again in (Sent(_REQUEST, _answer(quantity=3)), Sent(_REQUEST, problem=_STALE)):
        assert _failures(Log([sent], [Repetition(sent, again)]), _added())["repetitions"]


def test_a_key_is_in_one_commit_of_the_whole_log() -> None:
    assert _failures(Log(), _added(), replace(_added(), stream_id="cart#bob"))["keys"]


@pytest.mark.parametrize(
    "stored",
    [
        [replace(_checked_out(), events=_checked_out().events[:1]), _decided()],
        [replace(_checked_out(), events=_checked_out().events[1:]), _decided()],
        [_checked_out(), replace(_checked_out(), version=3), _decided()],
        [_checked_out(), replace(_checked_out(), stream_id="cart#bob"), _decided()],
        [_checked_out()],
    ],
)
def test_a_checkout_is_whole_and_places_one_order_which_is_decided(stored: list[Commit]) -> None:
    assert _failures(Log(), *stored)["checkouts"]
