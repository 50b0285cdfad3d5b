"""Access to the metrics: the bearer token, which is kept as a secret parameter."""

import hmac

from services.libs.runtime.parameters import Parameters
from services.shared.faults import DependencyError


class BearerToken:
    def __init__(self, parameters: Parameters, name: str) -> None:
        self._parameters = parameters
        self._name = name

    def admits(self, authorization: str) -> bool:
        """Compare in constant time. Raises DependencyError if no token was made yet."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._current())

    def _current(self) -> bytes:
        token = self._parameters.find(self._name)
        if token is None:
            raise DependencyError("no token was made yet: `invoke monitor.token`")
        return token.encode()
