"""The hashes by which a repeated command is known."""

import hashlib
import json
from collections.abc import Mapping

from pydantic import BaseModel

from services.shared.commits import Command

_NO_PATH: Mapping[str, object] = {}


def command_of(
    caller: str, route: str, key: str, body: BaseModel | None = None, path: Mapping[str, object] = _NO_PATH
) -> Command:
    """Hash the key within its caller and route, and the content: the validated body and the values in the path.

    `route` is a method and a template, such as `POST /v1/orders/{orderId}/returns`. A field of the body at its default
    does not count, so that a new optional field changes no hash.
    """
    content = body.model_dump(mode="json", by_alias=True, exclude_defaults=True) if body else {}
    return Command(_hash([caller, route, key]), _hash({"path": dict(path), "body": content}))


def _hash(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
