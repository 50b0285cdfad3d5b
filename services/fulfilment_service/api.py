"""The fulfilment service's route: a carrier tells how far a parcel is."""

from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.fulfilment_service.carrier import CARRIER_STATES, carrier_event
from services.fulfilment_service.carrier_messages import CarrierMessages
from services.libs.http.bodies import RequestBody, ResponseBody
from services.libs.http.callers import Access
from services.libs.http.incoming_requests import IncomingRequest
from services.libs.http.shared_secrets import SharedSecret
from services.libs.http.shop_api import ShopApi
from services.libs.http.signatures import Signatures
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.libs.runtime.parameters import Parameters
from services.libs.store.event_store import EventStore
from services.libs.store.store_settings import StoreSettings
from services.shared.events.event import Identifier, ShipmentId
from services.shared.refusals import Refusal

FUNCTION = function_name(__name__)
api = ShopApi()


class CarrierApiSettings(StoreSettings):
    deadline_table: str
    carrier_secret_parameter: str
    tracking_interval_seconds: Annotated[int, Field(ge=60)]


def _known(state: str) -> str:
    if state not in CARRIER_STATES:
        raise PydanticCustomError("state", f"it is one of {', '.join(CARRIER_STATES)}")
    return state


class CarrierMessage(RequestBody):
    shipment_id: ShipmentId
    carrier_event_id: Identifier
    state: Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*CARRIER_STATES]})]
    at: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T",
            max_length=40,
            json_schema_extra={"format": "date-time"},
            description="The carrier's time, with its zone, such as 2026-01-01T12:00:00Z.",
        ),
    ]


class CarrierOutcome(StrEnum):
    RECORDED = "recorded"
    NOTHING_NEW = "nothing_new"
    """The parcel was as far as that already: the message is late, or came before."""


class CarrierAnswer(ResponseBody):
    shipment_id: str
    carrier_event_id: str
    outcome: CarrierOutcome


class _Application:
    def __init__(self, settings: CarrierApiSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        self.metrics = RequestMetrics(FUNCTION, settings.environment)
        self.signatures = Signatures(SharedSecret(Parameters(aws_clients.ssm()), settings.carrier_secret_parameter))
        self.carrier_messages = CarrierMessages(
            EventStore(aws_clients.dynamodb(), settings.tables), timedelta(seconds=settings.tracking_interval_seconds)
        )


@cache
def _application() -> _Application:
    return _Application(CarrierApiSettings.from_environment())


def handler(event: HttpRequest, context: LambdaContext) -> HttpResponse:
    return api.answer(event, context, _application().metrics)


def _check_signature(request: IncomingRequest) -> None:
    _application().signatures.check(request)


@api.route(
    "POST",
    "/v1/carrier-events",
    Access.CARRIER,
    refusals=(Refusal.NOT_FOUND, Refusal.INVALID),
    guard=_check_signature,
)
def record_carrier_event(body: CarrierMessage) -> CarrierAnswer:
    """Take a carrier's message about a parcel. Late and repeated ones change nothing."""
    api.log(shipment_id=body.shipment_id)
    message = carrier_event(body.carrier_event_id, body.state, body.at)
    commit = _application().carrier_messages.record(body.shipment_id, message, api.cause)
    outcome = CarrierOutcome.RECORDED if commit else CarrierOutcome.NOTHING_NEW
    return CarrierAnswer(shipment_id=body.shipment_id, carrier_event_id=body.carrier_event_id, outcome=outcome)
