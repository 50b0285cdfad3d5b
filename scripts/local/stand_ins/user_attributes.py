"""A stand-in for the attributes that users may write by themselves."""

from collections.abc import Callable
from typing import Any

from scripts.local.stand_ins.types import Document, Response

RunHandler = Callable[[Callable[..., Any], str, Document], Response]

_WRITTEN_BY_USERS = frozenset({"SignUp", "UpdateUserAttributes"})


def only_writable_attributes(
    run: RunHandler, client_of: Callable[[Document], Document], refuse: Callable[[str, str], Response]
) -> RunHandler:
    """Refuse an attribute that the app client may not write. MiniStack writes any, and a user would choose their id."""

    def run_as_aws_does(handler: Callable[..., Any], action: str, request: Document) -> Response:
        if action in _WRITTEN_BY_USERS:
            writable = client_of(request).get("WriteAttributes")
            written = {attribute["Name"] for attribute in request.get("UserAttributes", [])}
            if writable and not written <= set(writable):
                return refuse("NotAuthorizedException", "A client attempted to write unauthorized attribute")
        return run(handler, action, request)

    return run_as_aws_does
