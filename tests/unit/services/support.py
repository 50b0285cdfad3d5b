"""Support as its tests call it, from the gateway's event to the answer, and orders that may be asked about."""

from collections.abc import Iterator, Mapping

from services.support_service import api
from tests.factories import CAUSE
from tests.unit.conftest import Aws
from tests.unit.services.http.shop import CLAIMS, STAFF_CLAIMS, Answer, answer_of, request
from tests.unit.services.lives import History

CUSTOMER = CLAIMS | {"username": "user-1"}
ANOTHER = CLAIMS | {"customer_id": "customer-2", "username": "user-2"}
STAFF = STAFF_CLAIMS | {"username": "user-9"}
SUBJECT, TEXT = "A broken cup", "It came without its handle."
TICKET = {"subject": SUBJECT, "text": TEXT}


def ask(  # noqa: PLR0913 - the parts of a request
    method: str,
    path: str,
    body: object = None,
    claims: Mapping[str, object] | None = CUSTOMER,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Answer:
    event = request(method, path, body, claims=claims, headers=headers, query=query)
    return answer_of(api.handler, event)


def post(path: str, body: object = None, claims: Mapping[str, object] | None = CUSTOMER, key: str = "key-1") -> Answer:
    return ask("POST", path, body, claims, headers={"idempotency-key": key})


def open_ticket(claims: Mapping[str, object] = CUSTOMER, key: str = "key-1", **body: object) -> str:
    """The id of a new ticket."""
    created = post("/v1/tickets", TICKET | body, claims, key)
    assert created.status == 201, created.content
    return str(created.content["ticketId"])


def pages(claims: Mapping[str, object] = CUSTOMER, **query: str) -> Iterator[list[dict[str, object]]]:
    """All pages of the list of tickets."""
    found = ask("GET", "/v1/tickets", claims=claims, query=query)
    yield found.content["tickets"]
    while cursor := found.content["nextCursor"]:
        found = ask("GET", "/v1/tickets", claims=claims, query=query | {"cursor": cursor})
        yield found.content["tickets"]


def listed(claims: Mapping[str, object] = CUSTOMER, **query: str) -> list[dict[str, object]]:
    return [ticket for page in pages(claims, **query) for ticket in page]


def erase(aws: Aws, customer_id: str = "customer-1") -> None:
    """Destroy the customer's key, as an erasure does."""
    aws.dynamodb.transact_write_items(TransactItems=[aws.keys.erasure(customer_id, CAUSE.at).item])


def append(aws: Aws, history: History) -> None:
    for commit in history:
        aws.store.append(commit)
