"""Who may read the metrics: whoever has the token that is kept as a secret parameter."""

import hmac
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from services.shared.faults import DependencyError

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

# A new token is known everywhere after so long.
_KEPT_SECONDS = 60


class BearerToken:
    def __init__(self, client: "SSMClient", parameter: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._parameter = parameter
        self._clock = clock
        self._token = b""
        self._read_at: float | None = None

    def admits(self, authorization: str) -> bool:
        """Compare in a time that says nothing of the token. Raises DependencyError where there is none."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._current())

    def _current(self) -> bytes:
        if self._read_at is None or self._clock() - self._read_at > _KEPT_SECONDS:
            try:
                found = self._client.get_parameter(Name=self._parameter, WithDecryption=True)
            except self._client.exceptions.ParameterNotFound as missing:
                raise DependencyError("no token was made yet: `invoke metrics-token`") from missing
            self._token = found["Parameter"]["Value"].encode()
            self._read_at = self._clock()
        return self._token
