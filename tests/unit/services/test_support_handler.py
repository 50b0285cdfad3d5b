"""What is left open of a customer who is erased."""

from collections.abc import Mapping

import pytest

from services.libs.runtime.lambda_types import BatchResponse
from services.libs.store.event_store import EventStore
from services.shared.events.support import ClosedBy, SupportTicketClosed
from services.support_service.handler import handler
from tests.factories import Context, event_body, sqs_event
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.support import ANOTHER, STAFF, ask, erase, open_ticket, post

DONE: BatchResponse = {"batchItemFailures": []}
ERASED = event_body("CustomerErased", customerId="customer-1")

pytestmark = pytest.mark.usefixtures("environment", "cursor_secret")


def _closed(aws: Aws, ticket_id: str) -> SupportTicketClosed | None:
    return aws.store.read(f"ticket#{ticket_id}")[-1].find(SupportTicketClosed)


def test_the_open_and_the_resolved_tickets_of_an_erased_customer_are_closed(aws: Aws) -> None:
    opened, resolved, done = (open_ticket(key=f"key-{number}") for number in range(3))
    of_another = open_ticket(ANOTHER)
    post(f"/v1/tickets/{resolved}/resolution", {"text": "Done."}, STAFF)
    post(f"/v1/tickets/{done}/closure")
    erase(aws)

    assert handler(sqs_event(ERASED), Context()) == DONE

    closings = {ticket_id: _closed(aws, ticket_id) for ticket_id in (opened, resolved, done)}
    assert {ticket_id: closed and (closed.closed_by, closed.resolved) for ticket_id, closed in closings.items()} == {
        opened: (ClosedBy.ERASURE, False),
        resolved: (ClosedBy.ERASURE, True),
        done: (ClosedBy.CUSTOMER, False),
    }
    assert _closed(aws, of_another) is None
    assert ask("GET", f"/v1/tickets/{opened}", claims=STAFF).content["status"] == "closed"


def test_a_repetition_closes_nothing_more(aws: Aws) -> None:
    ticket_id = open_ticket()
    erase(aws)

    for _ in range(2):
        assert handler(sqs_event(ERASED, ERASED), Context()) == DONE

    assert aws.store.latest_version(f"ticket#{ticket_id}") == 2


def test_a_customer_without_tickets_has_none_to_close(aws: Aws) -> None:
    assert handler(sqs_event(ERASED), Context()) == DONE

    assert aws.dynamodb.scan(TableName=EVENT_STORE_TABLE)["Count"] == 0


@pytest.mark.usefixtures("one_ticket_a_page")
def test_the_tickets_of_all_pages_are_closed(aws: Aws) -> None:
    ids = [open_ticket(key=f"key-{number}") for number in range(3)]
    erase(aws)

    assert handler(sqs_event(ERASED), Context()) == DONE

    assert all(_closed(aws, ticket_id) for ticket_id in ids)


@pytest.fixture
def one_ticket_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.support_service.orphaned_tickets._PAGE", 1)


def test_a_ticket_that_staff_answers_meanwhile_is_closed_all_the_same(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id = open_ticket()
    post(f"/v1/tickets/{ticket_id}/resolution", {"text": "Done."}, STAFF)
    (first, _) = aws.store.read(f"ticket#{ticket_id}")
    monkeypatch.setattr(EventStore, "read_versions", lambda *_: {first.stream_id: (first,)})

    assert handler(sqs_event(ERASED), Context()) == DONE

    assert aws.store.latest_version(f"ticket#{ticket_id}") == 3
    assert (closed := _closed(aws, ticket_id))
    assert closed.resolved


@pytest.mark.parametrize("detail", [{}, {"customerId": 1}, {"customerId": "a b"}])
def test_a_message_that_names_no_customer_is_a_dead_letter(aws: Aws, detail: Mapping[str, object]) -> None:
    ticket_id = open_ticket()

    assert handler(sqs_event(event_body("CustomerErased", **detail), "{}"), Context()) == DONE

    assert {letter["reason"] for letter in aws.read_dead_letters()} == {"validation_error"}
    assert _closed(aws, ticket_id) is None


def test_another_event_is_a_dead_letter(aws: Aws) -> None:
    assert handler(sqs_event(event_body("CustomerLogin", customerId="customer-1")), Context()) == DONE

    assert [letter["reason"] for letter in aws.read_dead_letters()] == ["unknown_event"]


def test_a_message_comes_again_after_a_fault(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)

    assert handler(sqs_event(ERASED), Context()) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
