"""The use cases that people and carriers call, for a tool to call in its own process on a deployment's tables."""

from datetime import timedelta
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from services.fulfilment_service.carrier_messages import CarrierMessages
from services.libs.store.event_store import EventStore
from services.order_service.after_sale_service import AfterSale, ReturnTimes

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# A parcel that a tool brings further is looked at again by then.
_TRACKING_INTERVAL = timedelta(hours=1)


def after_sale(client: "DynamoDBClient", deployment: Deployment) -> AfterSale:
    times = ReturnTimes(timedelta(days=deployment.return_window_days), timedelta(days=deployment.return_arrival_days))
    return AfterSale(EventStore(client, deployment.store_tables), times)


def carrier_messages(client: "DynamoDBClient", deployment: Deployment) -> CarrierMessages:
    return CarrierMessages(EventStore(client, deployment.store_tables), _TRACKING_INTERVAL)
