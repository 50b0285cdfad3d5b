"""The functions to package."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LambdaConfig:
    name: str
    handler: str

    @property
    def module(self) -> str:
        return self.handler.rpartition(".")[0]


LAMBDAS = (
    LambdaConfig("order_service", "services.order_service.handler.handler"),
    LambdaConfig("payment_service", "services.payment_service.handler.handler"),
    LambdaConfig("event_relay", "services.event_relay.handler.handler"),
    LambdaConfig("deadline_sweeper", "services.deadline_sweeper.handler.handler"),
    LambdaConfig("metrics_service", "services.metrics_service.handler.handler"),
    LambdaConfig("notification_service", "services.notification_service.handler.handler"),
)
