"""The use cases that people and the carrier call, for a test to call in its own process."""

from datetime import timedelta
from typing import NamedTuple, Self

from botocore.config import Config

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.use_cases import carrier_messages
from services.fulfilment_service.carrier_messages import CarrierMessages
from services.libs.messaging.deadline_notices import DeadlineNotices
from services.libs.store.event_store import EventStore
from services.order_service.after_sale_service import AfterSale, ReturnTimes

_WINDOW = timedelta(days=1)
# As the functions' own clients: services/libs/runtime/aws_clients.py.
_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})


class UseCases(NamedTuple):
    store: EventStore
    after_sale: AfterSale
    carrier_messages: CarrierMessages
    notices: DeadlineNotices

    @classmethod
    def of(cls, target: Target, deployment: Deployment, *, arrival: timedelta, endpoint_url: str | None = None) -> Self:
        """The goods of a return may take as long as `arrival`. Without an endpoint nothing that is slow fails."""
        if endpoint_url:
            client = target.session().client("dynamodb", endpoint_url=endpoint_url, config=_CONFIG)
        else:
            client = target.client("dynamodb")
        store = EventStore(client, deployment.store_tables)
        after_sale = AfterSale(store, ReturnTimes(_WINDOW, arrival))
        notices = DeadlineNotices(target.client("sqs"), {"shipment": deployment.queues["fulfilment"].url})
        return cls(store, after_sale, carrier_messages(client, deployment), notices)
