"""A webhook on this machine, for tests."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from services.shared.json_types import JsonObject


class Receiver:
    """Keeps what it gets, and answers 200.

    A message that has `refused` in it gets the statuses of `answers` first, one after the other.
    """

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.refused = ""
        self.received: list[JsonObject] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.received.append(json.loads(body))
                self.send_response(receiver.answers.pop(0) if receiver.answers and receiver.refused in body else 200)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name that the base class gives it
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/secret-path"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
