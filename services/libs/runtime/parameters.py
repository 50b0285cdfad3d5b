"""Secrets and settings of the Parameter Store, read at run time."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

_MAX_AGE_SECONDS = 60


class Parameters:
    """Keeps each value for a minute: a busy function asks rarely, and a changed secret takes effect soon."""

    def __init__(self, client: "SSMClient", clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._read: dict[str, tuple[float, str | None]] = {}

    def find(self, name: str) -> str | None:
        """Return the decrypted value, or None if there is no such parameter."""
        read_at, value = self._read.get(name, (-_MAX_AGE_SECONDS, None))
        if self._clock() - read_at < _MAX_AGE_SECONDS:
            return value
        value = self._ask(name)
        self._read[name] = (self._clock(), value)
        return value

    def _ask(self, name: str) -> str | None:
        try:
            return self._client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        except self._client.exceptions.ParameterNotFound:
            return None
