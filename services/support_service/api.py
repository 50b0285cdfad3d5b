"""The support service's routes: customers ask for help and rate their orders, staff answers."""

from datetime import datetime
from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field, StringConstraints

from services.libs.http.bodies import ONE_LINE_NEEDED, RequestBody, ResponseBody
from services.libs.http.callers import Access
from services.libs.http.cursors import Cursors
from services.libs.http.headers import IdempotencyKey
from services.libs.http.shared_secrets import SharedSecret
from services.libs.http.shop_api import ShopApi, answered
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.personal.customer_keys import CustomerKeys
from services.libs.personal.key_settings import KeySettings
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.libs.runtime.parameters import Parameters
from services.libs.store.event_store import EventStore
from services.libs.store.ticket_index import TicketIndex
from services.shared.events.event import Identifier
from services.shared.events.support import Rating
from services.shared.refusals import Refusal
from services.support_service.domain import NewTicket, Sender, Ticket, TicketStatus
from services.support_service.service import Actor, FoundFeedback, FoundTicket, Request, SupportService
from services.support_service.texts import Texts

FUNCTION = function_name(__name__)
api = ShopApi()

TicketId = Annotated[Identifier, Path(alias="ticketId")]
OrderId = Annotated[Identifier, Path(alias="orderId")]
Subject = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
    ),
    ONE_LINE_NEEDED,
]
"""One line."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000)]
_COMMAND = (Refusal.NOT_FOUND, Refusal.NOT_ALLOWED, Refusal.KEY_REUSED, Refusal.ERASED)
_SEALING = (*_COMMAND, Refusal.UNREADABLE)


class SupportSettings(KeySettings):
    cursor_secret_parameter: str


class _Application:
    def __init__(self, settings: SupportSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        self.metrics = RequestMetrics(FUNCTION, settings.environment)
        self.support = SupportService(
            EventStore(client, settings.tables),
            CustomerKeys(client, aws_clients.kms(), settings.customer_key_table, settings.wrapping_key_arn),
            TicketIndex(client, settings.tables),
        )
        self.cursors = Cursors(SharedSecret(Parameters(aws_clients.ssm()), settings.cursor_secret_parameter))


@cache
def _application() -> _Application:
    return _Application(SupportSettings.from_environment())


def handler(event: HttpRequest, context: LambdaContext) -> HttpResponse:
    return api.answer(event, context, _application().metrics)


class CreateTicket(RequestBody):
    subject: Subject
    text: Text
    order_id: Identifier | None = None


class TicketText(RequestBody):
    text: Text


class GiveFeedback(RequestBody):
    rating: Rating
    text: Text | None = None


class MessageView(ResponseBody):
    sender: Annotated[Sender, Field(alias="from")]
    text: str | None = None
    """None once its customer is erased."""
    at: datetime


class ListedTicketView(ResponseBody):
    ticket_id: str
    customer_id: str
    order_id: str | None = None
    status: TicketStatus
    subject: str | None = None
    """None once its customer is erased."""
    created_at: datetime

    @classmethod
    def of(cls, ticket: Ticket, texts: Texts) -> "ListedTicketView":
        return cls(
            ticket_id=ticket.created.ticket_id,
            customer_id=ticket.customer_id,
            order_id=ticket.created.order_id,
            status=ticket.status,
            subject=texts.read(ticket.subject),
            created_at=ticket.created_at,
        )


class TicketView(ListedTicketView):
    messages: tuple[MessageView, ...]
    """Oldest first."""

    @classmethod
    def of(cls, ticket: Ticket, texts: Texts) -> "TicketView":
        messages = tuple(
            MessageView(sender=message.sender, text=texts.read(message.text), at=message.at)
            for message in ticket.messages
        )
        return cls(**ListedTicketView.of(ticket, texts).model_dump(), messages=messages)


class TicketList(ResponseBody):
    tickets: tuple[ListedTicketView, ...]
    next_cursor: str | None = None


class FeedbackView(ResponseBody):
    order_id: str
    rating: int
    text: str | None = None
    """None if there was none, and once its customer is erased."""
    at: datetime


@api.route("GET", "/v1/tickets", Access.CUSTOMER, refusals=(Refusal.INVALID,))
def list_tickets(
    limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: Annotated[str | None, Query(max_length=2048)] = None
) -> TicketList:
    """List tickets, newest first. A customer finds their own, staff everybody's."""
    actor, cursors = _actor(), _application().cursors
    query = {"list": "tickets", "caller": actor.customer_id, "all": actor.is_staff}
    position = cursors.position(cursor, query) if cursor else None
    tickets, texts, following = _application().support.list(actor, limit, position)
    return TicketList(
        tickets=tuple(ListedTicketView.of(ticket, texts) for ticket in tickets),
        next_cursor=cursors.cursor(following, query) if following else None,
    )


@api.route(
    "POST",
    "/v1/tickets",
    Access.CUSTOMER,
    status=201,
    refusals=(Refusal.INVALID, Refusal.KEY_REUSED, Refusal.ERASED, Refusal.UNREADABLE),
)
def create_ticket(body: CreateTicket, key: IdempotencyKey) -> Response[TicketView]:
    """Ask for help, perhaps with an order."""
    new = NewTicket(api.caller.customer_id, body.subject, body.text, body.order_id)
    created = _application().support.create(new, _request(key, body))
    ticket_id = created.ticket.created.ticket_id
    api.log(ticket_id=ticket_id)
    return _answered(created, status=201, location=f"/v1/tickets/{ticket_id}")


@api.route("GET", "/v1/tickets/{ticketId}", Access.CUSTOMER, refusals=(Refusal.NOT_FOUND,))
def get_ticket(ticket_id: TicketId) -> Response[TicketView]:
    """Read a ticket. A customer finds their own, staff everybody's."""
    api.log(ticket_id=ticket_id)
    return _answered(_application().support.read(ticket_id, _actor()))


@api.route("POST", "/v1/tickets/{ticketId}/resolution", Access.STAFF, refusals=_SEALING)
def resolve_ticket(ticket_id: TicketId, body: TicketText, key: IdempotencyKey) -> Response[TicketView]:
    """Answer an open ticket."""
    api.log(ticket_id=ticket_id)
    return _answered(_application().support.resolve(ticket_id, body.text, _request(key, body)))


@api.route("POST", "/v1/tickets/{ticketId}/reopening", Access.CUSTOMER, refusals=_SEALING)
def reopen_ticket(ticket_id: TicketId, body: TicketText, key: IdempotencyKey) -> Response[TicketView]:
    """Say that the answer did not help. Only the ticket's customer can."""
    api.log(ticket_id=ticket_id)
    return _answered(_application().support.reopen(ticket_id, body.text, _request(key, body)))


@api.route("POST", "/v1/tickets/{ticketId}/closure", Access.CUSTOMER, refusals=_COMMAND)
def close_ticket(ticket_id: TicketId, key: IdempotencyKey) -> Response[TicketView]:
    """Close a ticket for good, as its customer or as staff."""
    api.log(ticket_id=ticket_id)
    return _answered(_application().support.close(ticket_id, _request(key)))


@api.route(
    "POST",
    "/v1/orders/{orderId}/feedback",
    Access.CUSTOMER,
    status=201,
    refusals=(*_SEALING, Refusal.NOT_YET, Refusal.CONFLICT),
)
def give_feedback(order_id: OrderId, body: GiveFeedback, key: IdempotencyKey) -> Response[FeedbackView]:
    """Rate a delivered order, once: 1 is worst, 5 is best."""
    api.log(order_id=order_id)
    given = _application().support.give_feedback(order_id, body.rating, body.text, _request(key, body))
    return answered(_feedback(given), status=201, version=1, location=f"/v1/orders/{order_id}/feedback")


@api.route("GET", "/v1/orders/{orderId}/feedback", Access.CUSTOMER, refusals=(Refusal.NOT_FOUND,))
def get_feedback(order_id: OrderId) -> Response[FeedbackView]:
    """Read the feedback on an order. A customer finds their own, staff everybody's."""
    api.log(order_id=order_id)
    return answered(_feedback(_application().support.read_feedback(order_id, _actor())), version=1)


def _actor() -> Actor:
    caller = api.caller
    return Actor(caller.customer_id, caller.username, caller.is_staff)


def _request(key: str, body: RequestBody | None = None) -> Request:
    return Request(_actor(), api.cause, api.command_of(key, body))


def _answered(found: FoundTicket, *, status: int = 200, location: str | None = None) -> Response[TicketView]:
    view = TicketView.of(found.ticket, found.texts)
    return answered(view, status=status, version=found.ticket.state.version, location=location)


def _feedback(found: FoundFeedback) -> FeedbackView:
    given, text = found.feedback.given, found.feedback.text
    return FeedbackView(
        order_id=given.order_id,
        rating=given.rating,
        text=found.texts.read(text) if text else None,
        at=found.feedback.at,
    )
