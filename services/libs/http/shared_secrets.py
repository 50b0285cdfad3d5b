"""A secret that this function shares with others, from the Parameter Store."""

from services.libs.runtime.parameters import Parameters
from services.shared.faults import DependencyError


class SharedSecret:
    def __init__(self, parameters: Parameters, name: str) -> None:
        self._parameters = parameters
        self._name = name

    def current(self) -> bytes:
        """Raise DependencyError if the secret was not made yet."""
        secret = self._parameters.find(self._name)
        if not secret:
            raise DependencyError(f"{self._name} was not made yet")
        return secret.encode()
