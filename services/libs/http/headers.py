"""The headers of commands: `Idempotency-Key`, and `If-Match` with the version that an `ETag` told."""

import re
from typing import Annotated, TypeAlias

from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

_VERSION = r"(0|[1-9][0-9]{0,14})"
_ETAG = re.compile(f'"{_VERSION}"')


def etag(version: int) -> str:
    """The entity tag of a stream's version, such as `"3"`."""
    return f'"{version}"'


def _version(header: object) -> object:
    text = header if isinstance(header, str) else ""
    if match := _ETAG.fullmatch(text.strip()):
        return int(match[1])
    if text.strip() == "*":
        raise PydanticCustomError("if_match", "`*` is not accepted: send the ETag of the version that you have read")
    if text.strip().startswith("W/"):
        raise PydanticCustomError("if_match", 'a weak tag is not accepted: send the ETag as you got it, such as "3"')
    raise PydanticCustomError("if_match", 'send one ETag as you got it, quotes included, such as "3"')


IfMatch: TypeAlias = Annotated[
    int,
    BeforeValidator(_version),
    WithJsonSchema({"type": "string", "pattern": f'^"{_VERSION}"$', "examples": ['"3"']}),
    Header(alias="If-Match", description="The ETag of the version that the change is meant for."),
]
"""The version that the client has read; any other answers 412."""

IdempotencyKey: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]{1,128}$"),
    Header(
        alias="Idempotency-Key",
        description="New for each command, the same in its repetitions: 1 to 128 visible ASCII characters.",
    ),
]
