"""Stand-ins for how AWS treats connections and replies."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

Send = Callable[[Any, Any], bytes]
"""Gives the bytes of a part of a reply, for a connection."""

_NEVER = 1_000_000_000


def keep_connections(config: type) -> None:
    """Leave it to the clients to end their connections, whatever is set on a configuration later.

    The server ends one with its thousandth answer, or once it was idle for 75 s, even where a request has just come and
    is being answered. A client that misses the answer asks again, and what it asked to create is there already: as now
    and then in an apply, whose waits for SQS take 25 s each.
    """
    for limit in ("keep_alive_max_requests", "keep_alive_timeout"):
        setattr(config, limit, property(lambda _: _NEVER, lambda _, __: None))


def send_head_with_body(send: Send, head: type) -> Send:
    """Send the head of each reply together with what follows it.

    Once the SDK for Go has a head, it closes the body of its request. If net/http has sent that body, but not looked
    for its end yet, it takes the closed body for a failure and ends the connection. What comes of the reply after that
    is lost, and the SDK asks again: https://github.com/aws/aws-sdk-go-v2/issues/1825. AWS is too far away for that.
    The client reads 4 KB at once, so it has a short reply whole by then, and whatever changes anything is answered
    with a short one.
    """
    heads: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()

    def send_whole(connection: Any, part: Any) -> bytes:  # noqa: ANN401 - h11's own, which only the emulator has
        sent = send(connection, part)
        if isinstance(part, head):
            heads[connection] = sent
            return b""
        return heads.pop(connection, b"") + sent

    return send_whole
