"""The catalogue's API."""

import json
from functools import cache

from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.libs.runtime.settings import Settings

FUNCTION = function_name(__name__)


class _Application:
    def __init__(self, settings: Settings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        self.metrics = RequestMetrics(FUNCTION, settings.environment)


@cache
def _application() -> _Application:
    return _Application(Settings.from_environment())


def handler(_: HttpRequest, __: LambdaContext) -> HttpResponse:
    """Answer GET /v1/health, its one route."""
    application = _application()
    with application.metrics.invocation(), application.metrics.batch():
        body = json.dumps({"status": "ok"})
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
