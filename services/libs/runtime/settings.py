"""A service's settings: its environment variables as one validated model, read once at cold start."""

import os
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
"""Of all: 0 to 1."""


class Settings(BaseModel):
    """A field `event_store_table` is the variable `EVENT_STORE_TABLE`; a missing one fails with that name."""

    # The input is the whole environment, with credentials: an error must not show it. A model is built when it is read,
    # so its base classes never are.
    model_config = ConfigDict(frozen=True, alias_generator=str.upper, hide_input_in_errors=True, defer_build=True)

    environment: str
    log_level: str = "INFO"

    @classmethod
    def from_environment(cls) -> Self:
        return cls.model_validate(os.environ)
