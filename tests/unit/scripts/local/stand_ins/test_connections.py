import pytest

from scripts.local.stand_ins.connections import keep_connections, send_head_with_body


def test_no_connection_is_ended_whatever_the_server_is_told_later() -> None:
    class Config:
        keep_alive_max_requests = 1000
        keep_alive_timeout = 5

    keep_connections(Config)
    config = Config()
    config.keep_alive_timeout = 75

    a_year = 365 * 24 * 60 * 60
    assert config.keep_alive_timeout > a_year
    assert config.keep_alive_max_requests > a_year


class Connection:
    """Sends every part of a reply as it is."""

    def send(self, part: bytes) -> bytes:
        return part


class Head(bytes):
    """The first part of a reply."""


@pytest.mark.parametrize("rest", [(b"body", b""), (b"",)])
def test_the_head_of_a_reply_is_sent_with_what_follows_it(rest: tuple[bytes, ...]) -> None:
    send = send_head_with_body(Connection.send, Head)
    connection, other = Connection(), Connection()

    assert send(connection, Head(b"head ")) == b""
    assert send(other, b"other") == b"other"

    assert [send(connection, part) for part in rest] == [b"head " + rest[0], *rest[1:]]
    assert send(connection, b"next") == b"next"
