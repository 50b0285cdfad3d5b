"""The catalogue's API."""

import json

from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext

FUNCTION = function_name(__name__)


def handler(_: HttpRequest, __: LambdaContext) -> HttpResponse:
    """Answer GET /v1/health, its one route."""
    body = json.dumps({"status": "ok"})
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
