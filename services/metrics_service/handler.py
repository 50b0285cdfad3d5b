"""The metrics service: one Lambda behind the HTTP API that Prometheus scrapes."""

from datetime import timedelta
from functools import cache
from typing import Annotated

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field, Json

from services.libs.observability.metrics import ErrorType
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging, logger
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext, seconds_left
from services.libs.runtime.parameters import Parameters
from services.libs.runtime.settings import Settings
from services.libs.store.ledger_counters import LedgerCounters
from services.metrics_service.access import BearerToken
from services.metrics_service.checkpoints import Checkpoints
from services.metrics_service.cloudwatch_reader import CloudWatchReader
from services.metrics_service.exposition import Page
from services.metrics_service.gauges import QueueGauges, StockGauges
from services.metrics_service.page_store import PageStore
from services.metrics_service.service import MetricsService
from services.metrics_service.shared_page import SharedPage
from services.shared.faults import DependencyError

FUNCTION = function_name(__name__)


class MetricsSettings(Settings):
    metrics_table: str
    inventory_table: str
    functions: Json[tuple[str, ...]]
    """The values of the label `function_name`: each function that is deployed has its series from the beginning."""
    measured_queue_urls: Json[dict[str, str]]
    """By the value of the label `queue`, dead-letter queues too."""
    metrics_token_parameter: str
    refresh_seconds: Annotated[int, Field(ge=60)]


class _Application:
    def __init__(self, settings: MetricsSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        urls = settings.measured_queue_urls
        queues = {label: f"{settings.environment}-{label}" for label in urls if label.endswith("-queue")}
        self.token = BearerToken(Parameters(aws_clients.ssm()), settings.metrics_token_parameter)
        self.functions = settings.functions
        checkpoints = Checkpoints(client, settings.metrics_table)
        metrics = MetricsService(
            checkpoints,
            CloudWatchReader(aws_clients.cloudwatch(), settings.environment, settings.functions, queues),
            LedgerCounters(client, settings.metrics_table),
            (
                StockGauges(client, settings.inventory_table, checkpoints.count_error),
                QueueGauges(aws_clients.sqs(), urls),
            ),
            timedelta(seconds=settings.refresh_seconds),
        )
        self.page = SharedPage(PageStore(client, settings.metrics_table), metrics.read)
        self.metrics = RequestMetrics(FUNCTION, settings.environment)


@cache
def _application() -> _Application:
    return _Application(MetricsSettings.from_environment())


def handler(event: HttpRequest, context: LambdaContext) -> HttpResponse:
    application = _application()
    with application.metrics.invocation(), application.metrics.batch() as batch:
        try:
            if not application.token.admits(event["headers"].get("authorization", "")):
                batch.outcomes = [ErrorType.VALIDATION_ERROR]
                return _plain(401, "a bearer token is needed", {"www-authenticate": "Bearer"})
            newly_read = event["headers"].get("cache-control", "") == "no-cache"
            values = application.page.values(seconds_left(context), newly_read=newly_read)
            content_type, text = Page(values, application.functions).render(event["headers"].get("accept", ""))
        except (BotoCoreError, ClientError, DependencyError) as error:
            # A page that lacks something must not look like a whole one.
            logger.exception("no page")
            batch.outcomes = [ErrorType.DEPENDENCY_ERROR]
            return _plain(503, str(error) if isinstance(error, DependencyError) else "the metrics cannot be read now")
        return {"statusCode": 200, "headers": {"content-type": content_type}, "body": text}


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> HttpResponse:
    content = {"content-type": "text/plain; charset=utf-8", **(headers or {})}
    return {"statusCode": status, "headers": content, "body": f"{text}\n"}
