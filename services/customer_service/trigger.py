"""The customer service's trigger: a user pool asks it for the claims of each token that it is about to make.

Source: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html, version 2.
"""

from collections.abc import Mapping
from functools import cache
from typing import TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from services.customer_service.domain import customer_id_of
from services.libs.observability.metrics import ErrorType
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging, logger
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import LambdaContext
from services.libs.runtime.settings import Settings

FUNCTION = function_name(__name__)
CLAIM = "customer_id"
ATTRIBUTE = f"custom:{CLAIM}"


class TokenRequest(TypedDict):
    userAttributes: Mapping[str, str]


class TokenEvent(TypedDict):
    userPoolId: str
    userName: str
    request: TokenRequest
    response: Mapping[str, object]


class _Application:
    def __init__(self, settings: Settings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        self._users = aws_clients.cognito()
        self.metrics = RequestMetrics(FUNCTION, settings.environment)

    def keep(self, event: TokenEvent, customer_id: str) -> ErrorType | None:
        """Keep the id with the user. If that fails nobody is kept out: the next sign-in derives it again."""
        try:
            self._users.admin_update_user_attributes(
                UserPoolId=event["userPoolId"],
                Username=event["userName"],
                UserAttributes=[{"Name": ATTRIBUTE, "Value": customer_id}],
            )
        except (BotoCoreError, ClientError):
            logger.exception("customer id not kept")
            return ErrorType.DEPENDENCY_ERROR
        return None


@cache
def _application() -> _Application:
    return _Application(Settings.from_environment())


def handler(event: TokenEvent, _: LambdaContext) -> TokenEvent:
    application = _application()
    attributes = event["request"]["userAttributes"]
    with application.metrics.invocation(), application.metrics.batch() as batch:
        customer_id = attributes.get(ATTRIBUTE) or customer_id_of(attributes["sub"])
        if ATTRIBUTE not in attributes:
            batch.outcomes = [application.keep(event, customer_id)]
    added = {"claimsToAddOrOverride": {CLAIM: customer_id}}
    return event | {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": added}}}
