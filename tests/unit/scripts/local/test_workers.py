"""The worker that sends a request is found by the port that it sends from."""

import os
import socket

from scripts.local.workers import Worker, worker_at


def test_the_sender_of_a_request_is_found_among_the_workers() -> None:
    me, another = Worker(os.getpid()), Worker(os.getppid())

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            from_port = client.getsockname()[1]

            assert worker_at(from_port, port, [another, me]) == me
            assert worker_at(from_port, port, [another]) is None
            assert worker_at(from_port, port + 1, [me]) is None
