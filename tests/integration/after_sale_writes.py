"""What the order service writes after the sale, and what has to come before."""

from typing import TYPE_CHECKING

from services.order_service.after_sale import ReceivedGoods
from services.order_service.after_sale_service import Request
from services.order_service.domain import PlacedOrder
from services.payment_service.domain import refund_refused
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.order_state import Order
from tests.integration.meeting import Write
from tests.integration.writes import CAUSE, RETURNS, Writes

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class AfterSaleWrites(Writes):
    def delivered(self, order: PlacedOrder) -> None:
        """Bring the order to its delivery."""
        self.confirmed(order)
        self.do(self.start(order), self.tell(order, "delivered"), self.follow_parcels(order))

    def follow_parcels(self, order: PlacedOrder) -> Write:
        return lambda client: self._after_sale(client).follow_parcels(order.order_id, CAUSE)

    def request_return(
        self, order: PlacedOrder, return_id: str, quantity: int = 1, request: Request | None = None
    ) -> Write:
        announced = ReturnRequested(
            order_id=order.order_id,
            customer_id=order.customer_id,
            return_id=return_id,
            lines=order_lines(StockLine(sku, quantity) for sku in order.quantities),
        )
        return lambda client: self._after_sale(client).request_return(announced, CAUSE, request).commit

    def receive_return(
        self, order: PlacedOrder, return_id: str, quantity: int = 1, request: Request | None = None
    ) -> Write:
        """All of it is fit for sale."""
        lines = tuple(StockLine(sku, quantity) for sku in order.quantities)
        goods = ReceivedGoods(order.order_id, return_id, lines, lines)
        return lambda client: self._after_sale(client).receive_return(goods, CAUSE, request).commit

    def close_overdue_returns(self, order: PlacedOrder) -> Write:
        """As if their deadlines had passed."""
        return lambda client: self._after_sale(client).close_overdue_returns(
            [order.stream_id], CAUSE.at + 2 * RETURNS.arrival
        )

    def retry_refund(self, order: PlacedOrder, refund_id: str) -> Write:
        return lambda client: self._after_sale(client).retry_refund(order.order_id, refund_id, CAUSE)

    def refuse_refund(self, order: PlacedOrder) -> Write:
        """As if the provider refused the order's open refund for good, and kept that in its ledger."""

        def refuse(client: "DynamoDBClient") -> None:
            history = self.commits(order)
            (refund,) = Order.of(history).open_refunds
            client.update_item(
                TableName=self._world.deployment.tables.simulated_gateway,
                Key={"order_id": {"S": order.order_id}},
                UpdateExpression="SET #refused = :amount",
                ExpressionAttributeNames={"#refused": f"refused#{refund.refund_id}"},
                ExpressionAttributeValues={":amount": {"N": str(refund.amount_minor)}},
            )
            self.store(client).append(refund_refused(history, refund, CAUSE))

        return refuse
