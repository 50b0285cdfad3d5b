"""Stand-ins for how AWS treats connections and replies."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

Send = Callable[[Any, Any], bytes]
"""Gives the bytes of a part of a reply, for a connection."""

_NEVER = 1_000_000_000


def keep_connections(config: type) -> None:
    """Leave it to the clients to close connections, whatever is set on a configuration later.

    The server closes a connection after 1,000 replies or 75 s of idleness, even while it answers a request. A client
    that misses the reply repeats its request, and fails because the thing exists already. An apply met that now and
    then: its waits for SQS take 25 s each.
    """
    for limit in ("keep_alive_max_requests", "keep_alive_timeout"):
        setattr(config, limit, property(lambda _: _NEVER, lambda _, __: None))


def send_head_with_body(send: Send, head: type) -> Send:
    """Send the head of each reply together with what follows it.

    Once the SDK for Go has a head, it closes the body of its request. If net/http has sent that body, but not seen its
    end yet, it takes the closed body for a failure and closes the connection. The rest of the reply is lost, and the
    SDK repeats the request: https://github.com/aws/aws-sdk-go-v2/issues/1825. AWS is too far away for this race.
    The client reads 4 KB at a time, so a short reply sent in one piece arrives whole. Replies to changes are short.
    """
    heads: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()

    def send_whole(connection: Any, part: Any) -> bytes:  # noqa: ANN401 - h11's own, which only the emulator has
        sent = send(connection, part)
        if isinstance(part, head):
            heads[connection] = sent
            return b""
        return heads.pop(connection, b"") + sent

    return send_whole
