"""Somebody who erased themselves is found nowhere, and a backup from before does not bring them back."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from scripts.ledger.audit.report import audit_deployment
from scripts.ledger.log_reader import scan
from scripts.operate import pausing
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_requests import ProblemError
from scripts.operate.shop_users import AccessToken, ShopUsers
from scripts.operate.use_cases import carrier_messages
from scripts.recovery import backup, restore
from services.customer_service.api import MyChanges
from services.fulfilment_service.carrier import CarrierEvent
from services.libs.personal.customer_keys import Tombstones
from services.libs.store.dynamodb_items import from_item
from services.libs.store.event_store import EventStore
from services.order_service.order_statuses import OrderStatus
from services.shared.cart_lifecycle import CART_PREFIX
from services.shared.causes import Cause
from services.shared.customer_lifecycle import CUSTOMER_PREFIX
from services.shared.events.cart import CartCleared
from services.shared.events.customer import CustomerErased
from services.shared.events.event import Event
from services.shared.events.support import SupportTicketClosed
from services.shared.support_lifecycle import TICKET_PREFIX
from services.support_service.api import CreateTicket
from tests.delivery.search import Search, files, has
from tests.integration.world import World, eventually

_GONE = 410
_NO_CONTENT = 204


def _word(subject: str) -> str:
    """A word that is said nowhere else."""
    return f"{subject}{uuid4().hex[:12]}"


@dataclass
class Person:
    """Somebody who tells a lot of themselves."""

    world: World
    client: ShopClient
    token: AccessToken
    user: str
    name: str = field(default_factory=partial(_word, "Name"))
    mail: str = field(default_factory=partial(_word, "Mail"))
    street: str = field(default_factory=partial(_word, "Street"))
    question: str = field(default_factory=partial(_word, "Question"))
    answer: str = field(default_factory=partial(_word, "Answer"))
    opinion: str = field(default_factory=partial(_word, "Opinion"))
    order_id: str = ""
    tickets: tuple[str, ...] = ()

    @classmethod
    def signed_up(cls, world: World) -> "Person":
        user = _word("signin")
        token = ShopUsers(world.target, world.deployment).sign_up(user)
        return cls(world, ShopClient.of(world.target, world.deployment, token.text), token, user)

    @property
    def customer_id(self) -> str:
        return self.token.customer_id

    @property
    def words(self) -> set[str]:
        told = {self.user, self.name, self.mail, self.street, self.question, self.answer, self.opinion}
        return told | {self.token.text.split(".")[1], self.token.text.split(".")[2]}

    def live(self, staff: ShopClient) -> None:
        """Tell, buy, ask, rate, and leave a cart."""
        address = {"lines": [self.street], "city": "London", "country": "GB"}
        profile = {"name": self.name, "mail": f"{self.mail}@example.org", "addresses": [address]}
        self.client.change_me(MyChanges.model_validate(profile), self.client.get_me().version)
        sku = self.world.new_sku()
        order = self.world.order({sku: 1}, fields={"customerId": self.customer_id})
        self.order_id = str(order["orderId"])
        self.world.run(order)
        self._receive()
        self.client.give_feedback(self.order_id, 5, self.opinion)
        asked = CreateTicket(subject=self.question, text=f"{self.question}?", orderId=self.order_id)
        self.tickets = tuple(self.client.create_ticket(asked).content.ticket_id for _ in range(2))
        staff.resolve_ticket(self.tickets[0], self.answer)
        self.client.add_cart_item(sku, 1, self.client.get_cart().version)

    def is_gone(self) -> bool:
        """Whether all is done that follows from their erasure."""
        ends: dict[str, type[Event]] = {f"{CUSTOMER_PREFIX}{self.customer_id}": CustomerErased}
        ends |= {f"{TICKET_PREFIX}{ticket_id}": SupportTicketClosed for ticket_id in self.tickets}
        ends[f"{CART_PREFIX}{self.customer_id}"] = CartCleared
        store = EventStore(self.world.target.client("dynamodb"), self.world.deployment.store_tables)
        have_ended = all(store.read(stream)[-1].find(end) for stream, end in ends.items())
        table = self.world.deployment.tables.customer_key
        tombstone = Tombstones(self.world.target.client("dynamodb"), table).tombstone(self.customer_id)
        return have_ended and tombstone is not None and tombstone.username is None

    def _receive(self) -> None:
        """The carrier brings the order."""
        carrier = carrier_messages(self.world.target.client("dynamodb"), self.world.deployment)

        def brought() -> bool:
            order, at = self.client.get_order(self.order_id).content, datetime.now(UTC)
            for parcel in order.parcels:
                cause = Cause(parcel.shipment_id, parcel.shipment_id, at)
                carrier.record(parcel.shipment_id, CarrierEvent(f"brought-{parcel.shipment_id}", None, at), cause)
            return order.status is OrderStatus.DELIVERED

        eventually(brought, "a delivered order")

    def answers(self, token: str) -> Iterator[bytes]:
        """All that the API tells the bearer of a token about this person."""
        paths = ["me", "cart", "tickets", f"orders/{self.order_id}", f"orders/{self.order_id}/feedback"]
        paths += [f"tickets/{ticket_id}" for ticket_id in self.tickets]
        url = self.world.deployment.shop_url(self.world.target)
        for path in paths:
            yield requests.get(f"{url}/v1/{path}", headers={"authorization": f"Bearer {token}"}, timeout=30).content


def test_who_erased_themselves_is_found_nowhere_and_no_backup_brings_them_back(world: World, tmp_path: Path) -> None:
    person, search = Person.signed_up(world), Search(world)
    staff_token = _staff(world)
    person.live(ShopClient.of(world.target, world.deployment, staff_token.text))
    backup.back_up(world.target, tmp_path / "backup")
    answers = {"answers": person.answers(person.token.text), "answers to staff": person.answers(staff_token.text)}

    found = search.found(person.words, backup=files(tmp_path / "backup"), **answers)

    told = {person.name, person.mail, person.street}
    asked = {person.question, person.answer, person.opinion}
    assert found == {"user pool": {person.user}, "answers": told | asked, "answers to staff": asked}
    assert _sealed(world, person) == {"sealedProfile", "sealedSubject", "sealedText"}

    for _ in range(2):
        assert person.client.delete_me().status == _NO_CONTENT
    eventually(person.is_gone, "the end of an erasure")

    _find_nobody(search, person, staff_token, tmp_path / "backup")

    pausing.pause(world.target)
    restore.restore_tables(world.target, str(tmp_path / "backup"), replace=True, from_elsewhere=False)
    pausing.resume(world.target)
    eventually(person.is_gone, "the end of an erasure that a restore took back")

    _find_nobody(search, person, staff_token, tmp_path / "backup")
    audit_deployment(world.target)


def _find_nobody(search: Search, person: Person, staff_token: AccessToken, backed_up: Path) -> None:
    assert _sealed(person.world, person), "without ciphertext there is nothing to prove"
    answers = {"answers": person.answers(person.token.text), "answers to staff": person.answers(staff_token.text)}
    assert search.found(person.words, backup=files(backed_up), **answers) == {}
    commands: tuple[Callable[[], object], ...] = (
        person.client.get_me,
        lambda: person.client.change_me(MyChanges(name="another"), 0),
        lambda: person.client.create_ticket(CreateTicket(subject="another", text="another")),
    )
    for command in commands:
        with pytest.raises(ProblemError) as refused:
            command()
        assert refused.value.status == _GONE


def _staff(world: World) -> AccessToken:
    users, email = ShopUsers(world.target, world.deployment), f"{_word('staff')}@shop-user.example"
    users.create(email)
    users.make_staff(email)
    return users.sign_in_anew(email)


def _sealed(world: World, person: Person) -> set[str]:
    """The fields of the person's commits that hold ciphertext."""
    items = [from_item(item) for item in scan(world.target.client("dynamodb"), world.deployment.tables.event_store)]
    bodies = (item["body"] for item in items)
    theirs = [body for body in bodies if isinstance(body, dict) and body.get("customerId") == person.customer_id]
    return {name for body in theirs for name in body if name.startswith("sealed")}


def test_the_search_finds_words_in_every_form() -> None:
    for text in (
        b"a Word.",
        b"WORD",
        b64encode(b"Word"),
        b64encode(b"aWord"),
        b64encode(b"a Word."),
        b64encode(b"word"),
    ):
        assert has(text, "Word"), text
    assert not has(b"Wo rd", "Word")
