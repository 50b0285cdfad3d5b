"""An order's life through the front door: its customer, the staff and the carrier, each as the gateway lets them in."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import requests

from scripts.deploy.generated_secrets import CARRIER_SECRET, required
from scripts.operate.shop_users import ShopUsers
from services.libs.http.signatures import SIGNATURE_HEADER, signature
from tests.integration.world import World, eventually


class Person(NamedTuple):
    token: str
    customer_id: str


class Door:
    def __init__(self, world: World) -> None:
        self.world = world
        self._url = world.deployment.shop_url(world.target)
        self._users = ShopUsers(world.target, world.deployment)
        self._secret = required(world.target, CARRIER_SECRET).encode()

    def person(self, *, staff: bool = False) -> Person:
        email = f"{uuid4().hex[:12]}@shop-user.example"
        self._users.create(email)
        if staff:
            self._users.make_staff(email)
        token = self._users.sign_in_anew(email).text
        claims = json.loads(_decoded(token.split(".")[1]))
        return Person(token, claims["customer_id"])

    def ask(
        self, person: Person, method: str, path: str, body: dict[str, Any] | None = None, key: str = ""
    ) -> requests.Response:
        headers = {"authorization": f"Bearer {person.token}", "idempotency-key": key or uuid4().hex}
        return requests.request(method, f"{self._url}/v1/orders/{path}", json=body, headers=headers, timeout=30)

    def tell(self, shipment_id: str, state: str) -> requests.Response:
        message = {"shipmentId": shipment_id, "carrierEventId": uuid4().hex, "state": state, "at": _now()}
        body = json.dumps(message).encode()
        headers = {
            "content-type": "application/json",
            SIGNATURE_HEADER: signature(self._secret, body, int(time.time())),
        }
        return requests.post(f"{self._url}/v1/carrier-events", body, headers=headers, timeout=30)

    def until(self, person: Person, order_id: str, status: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.ask(person, "GET", order_id).json()
            return found if found.get("status") == status else None

        return eventually(look, f"an order that is {status}")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _now() -> str:
    return datetime.now(UTC).isoformat()


@pytest.fixture(scope="module")
def door(world: World) -> Door:
    return Door(world)


@pytest.fixture(scope="module")
def ada(door: Door) -> Person:
    return door.person()


@pytest.fixture(scope="module")
def staff(door: Door) -> Person:
    return door.person(staff=True)


def _order(door: Door, customer: Person) -> str:
    """Place an order of two units, and return its id."""
    order = door.world.order({door.world.new_sku(stock=10): 2}, fields={"customerId": customer.customer_id})
    (history,) = door.world.run(order)
    return history.order_id


def test_an_order_is_delivered_returned_and_refunded(door: Door, ada: Person, staff: Person) -> None:
    order_id = _order(door, ada)
    seen = door.until(ada, order_id, "in_fulfilment")
    (parcel,) = seen["parcels"]
    assert door.ask(ada, "POST", f"{order_id}/cancellation").status_code == 409
    assert door.ask(staff, "GET", order_id).json()["customerId"] == ada.customer_id

    told = [door.tell(parcel["shipmentId"], state) for state in ("in_transit", "in_transit", "delivered")]
    assert [(one.status_code, one.json()["outcome"]) for one in told] == [
        (200, "recorded"),
        (200, "nothing_new"),
        (200, "recorded"),
    ]
    (line,) = door.until(ada, order_id, "delivered")["lines"]
    goods = [{"sku": line["sku"], "quantity": 1}]
    opened, again = [door.ask(ada, "POST", f"{order_id}/returns", {"lines": goods}, key="return-1") for _ in "12"]
    assert (opened.status_code, opened.content, opened.headers["etag"]) == (201, again.content, again.headers["etag"])
    receipt = f"{order_id}/returns/{opened.json()['returnId']}/receipt"
    came = {"lines": goods, "restock": goods}
    assert door.ask(ada, "POST", receipt, came).status_code == 403
    assert door.ask(staff, "POST", receipt, came).status_code == 200

    def refunded() -> bool:
        return [one["status"] for one in door.ask(ada, "GET", order_id).json()["refunds"]] == ["refunded"]

    eventually(refunded, "the refund")
    assert door.world.stock(line["sku"]) == (9, 0, 9)
