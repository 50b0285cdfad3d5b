"""A small metrics endpoint and a webhook receiver, each a server in this process."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

METRICS_PATH = "/dev/metrics"


@dataclass
class MetricsEndpoint:
    """Answers whoever has the token."""

    token: str
    text: str
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{METRICS_PATH}"

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[HTTPStatus, str]:
        if handler.path != METRICS_PATH:
            return HTTPStatus.NOT_FOUND, ""
        if handler.headers["Authorization"] != f"Bearer {self.token}":
            return HTTPStatus.UNAUTHORIZED, ""
        return HTTPStatus.OK, self.text


@dataclass
class Webhook:
    """Keeps what it is sent."""

    port: int = 0
    received: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/hook"

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[HTTPStatus, str]:
        self.received.append(json.loads(handler.rfile.read(int(handler.headers["Content-Length"]))))
        return HTTPStatus.OK, "ok"


@contextmanager
def serving(service: MetricsEndpoint | Webhook) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = service.answer(self)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - as above

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def get_json(port: int, path: str) -> Any:  # noqa: ANN401 - JSON
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
        return json.load(response)
