"""The customer service's trigger: a user pool asks it for the claims of each token that it is about to make.

Source: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html, version 2.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import NotRequired, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from services.customer_service.domain import customer_id_of, first_profile
from services.customer_service.service import Customers, Logins
from services.customer_service.user_pool import ATTRIBUTE, CLAIM, UserPool
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging, log_fields, logger
from services.libs.personal.customer_keys import CustomerKeys
from services.libs.personal.key_settings import KeySettings
from services.libs.runtime import aws_clients
from services.libs.runtime.call_budget import CallBudget
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import LambdaContext, seconds_left
from services.libs.runtime.settings import Settings
from services.libs.store.event_store import EventStore
from services.shared.causes import Cause, request_cause
from services.shared.faults import DependencyError, OutOfTimeError, SecondsLeft
from services.shared.refusals import Refusal, RefusedError

FUNCTION = function_name(__name__)
_AUTHENTICATIONS = {
    f"TokenGeneration_{how}" for how in ("Authentication", "HostedAuth", "NewPasswordChallenge", "AuthenticateDevice")
}
"""Where somebody signs in. A refresh of tokens is none."""
_FAULTS = (BotoCoreError, ClientError, DependencyError, OutOfTimeError)
"""Their texts name no person."""
_LEAST_SECONDS = aws_clients.HURRIED_CALL_SECONDS + 1
"""With less time left no call is begun: Cognito gives up after 5 seconds, and counts the cold start too."""


class TokenRequest(TypedDict):
    userAttributes: Mapping[str, str]


class TokenEvent(TypedDict):
    triggerSource: NotRequired[str]
    userPoolId: str
    userName: str
    request: TokenRequest
    response: Mapping[str, object]


class _SignIns:
    def __init__(self, settings: KeySettings) -> None:
        self._users = aws_clients.cognito(hurried=True)
        client, kms = aws_clients.dynamodb(hurried=True), aws_clients.kms(hurried=True)
        self._budget = CallBudget(_LEAST_SECONDS)
        self._budget.limit(self._users, client, kms)
        store = EventStore(client, settings.tables)
        keys = CustomerKeys(client, kms, settings.customer_key_table, settings.wrapping_key_arn)
        self._customers, self._logins = Customers(store, keys), Logins(store)

    def keep_all(self, event: TokenEvent, customer_id: str, cause: Cause, time_left: SecondsLeft) -> Exception | None:
        """Keep what a sign-in tells, as far as there is time; return the first failure.

        Nobody is kept out by one: the next sign-in tries again, and a customer's first command registers them too.
        """
        self._budget.begin(time_left)
        steps = [("customer id not kept", lambda: self._keep_id(event, customer_id))]
        if event.get("triggerSource") in _AUTHENTICATIONS:
            steps += [
                ("customer not registered", lambda: self._register(event, customer_id, cause)),
                ("login not told", lambda: self._logins.tell(customer_id, cause)),
            ]
        failures = [_failure(message, step) for message, step in steps]
        return next((failure for failure in failures if failure), None)

    def _keep_id(self, event: TokenEvent, customer_id: str) -> None:
        if ATTRIBUTE not in event["request"]["userAttributes"]:
            UserPool(self._users, event["userPoolId"]).keep_customer_id(event["userName"], customer_id)

    def _register(self, event: TokenEvent, customer_id: str, cause: Cause) -> None:
        if not self._customers.is_registered(customer_id):
            profile = first_profile(event["request"]["userAttributes"].get("email", ""))
            self._customers.register(customer_id, event["userName"], cause, profile)


class _Application:
    def __init__(self, settings: Settings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        self.metrics = RequestMetrics(FUNCTION, settings.environment)

    def keep_all(self, event: TokenEvent, customer_id: str, cause: Cause, time_left: SecondsLeft) -> Exception | None:
        """As the sign-ins do; a setting that is missing keeps nobody out either."""
        try:
            sign_ins = self._sign_ins
        except Exception as error:  # noqa: BLE001 - no failure may keep anybody out
            # Nothing of the person was read yet.
            logger.error("settings are wrong", exc_info=error)
            return error
        return sign_ins.keep_all(event, customer_id, cause, time_left)

    @cached_property
    def _sign_ins(self) -> _SignIns:
        return _SignIns(KeySettings.from_environment())


@cache
def _application() -> _Application:
    return _Application(Settings.from_environment())


def handler(event: TokenEvent, context: LambdaContext) -> TokenEvent:
    application = _application()
    attributes = event["request"]["userAttributes"]
    customer_id = attributes.get(ATTRIBUTE) or customer_id_of(attributes["sub"])
    correlation_id = context.aws_request_id
    cause = Cause(request_cause(correlation_id), correlation_id, datetime.now(UTC))
    with (
        application.metrics.invocation(),
        application.metrics.batch() as batch,
        log_fields(correlation_id=correlation_id),
    ):
        batch.outcomes = [application.keep_all(event, customer_id, cause, seconds_left(context))]
    added = {"claimsToAddOrOverride": {CLAIM: customer_id}}
    return event | {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": added}}}


def _failure(message: str, step: Callable[[], None]) -> Exception | None:
    """Carry out a step; log why it failed, without a word of the person."""
    try:
        step()
    except RefusedError as refused:
        # An erased customer's last tokens come from before their user is removed.
        return None if refused.reason is Refusal.ERASED else _logged(message, refused)
    except Exception as error:  # noqa: BLE001 - no failure may keep anybody out
        return _logged(message, error)
    return None


def _logged(message: str, error: Exception) -> Exception:
    is_fault = isinstance(error, _FAULTS)
    logger.error(message, exc_info=error if is_fault else None, extra={"error": type(error).__name__})
    return error
