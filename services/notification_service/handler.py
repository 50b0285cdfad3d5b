"""The notification service: one Lambda behind the queue of the alarms."""

from functools import cache, partial

from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.messages import Message, validate
from services.libs.messaging.queue_consumer import MessageHandler, QueueConsumer, one_by_one
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.runtime.parameters import Parameters
from services.libs.runtime.settings import Settings
from services.notification_service.domain import slack_message, teams_message
from services.notification_service.messages import ALARM, AlarmMessage, parse_alarm
from services.notification_service.service import Channel, NotificationService
from services.notification_service.webhooks import Webhooks

FUNCTION = function_name(__name__)


class NotificationSettings(Settings):
    dead_letter_queue_url: str
    slack_webhook_parameter: str
    teams_webhook_parameter: str


class _Application:
    def __init__(self, settings: NotificationSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        parameters = Parameters(aws_clients.ssm())
        channels = {
            "slack": Channel(partial(parameters.find, settings.slack_webhook_parameter), slack_message),
            "teams": Channel(partial(parameters.find, settings.teams_webhook_parameter), teams_message),
        }
        self._service = NotificationService(Webhooks(), channels)
        self.consumer = QueueConsumer(
            (MessageHandler(one_by_one(self._notify), (ALARM,)),),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(FUNCTION, settings.environment),
            parse_alarm,
        )

    def _notify(self, message: Message) -> None:
        self._service.notify(validate(AlarmMessage, message.detail).to_alarm())


@cache
def _application() -> _Application:
    return _Application(NotificationSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)
