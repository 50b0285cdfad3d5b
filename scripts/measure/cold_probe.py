"""Time one cold start in this fresh interpreter: JSON on standard input asks, JSON on standard output answers.

The emulator's interpreter runs it, which has boto3 as the Lambda runtime does, with -I and usually with -B: /var/task
is read-only on AWS, so Python compiles the sources of a zip again at each cold start.
"""

import importlib
import json
import sys
import time
from typing import Any

_Parts = dict[str, Any]  # JSON


class _Context:
    function_name = "cold-start"
    aws_request_id = "cold-start"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


def handler(module: str, event: object) -> _Parts:
    """Import the handler and call it; name the clients that it makes before its first response."""
    began, began_cpu = time.perf_counter(), time.process_time()
    function = importlib.import_module(module).handler
    imported = time.perf_counter()
    imported_cpu = time.process_time()
    made: list[tuple[str, float, float]] = []
    _watch_clients(made)
    called, called_cpu = time.perf_counter(), time.process_time()
    try:
        function(event, _Context())
    except Exception as error:  # noqa: BLE001 - the answer has it
        ended = f"{type(error).__name__}: {error}"
    else:
        ended = ""
    answered = time.perf_counter()
    _, ready, ready_cpu = made[-1] if made else ("", called, called_cpu)
    return {
        "import_ms": (imported - began) * 1000,
        "clients_ms": (ready - called) * 1000,
        "first_response_ms": (imported - began + answered - called) * 1000,
        "cpu_ms": (imported_cpu - began_cpu + ready_cpu - called_cpu) * 1000,
        "clients": [name for name, *_ in made],
        "error": ended,
    }


def reference(clients: list[str], *, serves: bool, seals: bool) -> _Parts:
    """Time the imports that no such function can do without.

    These are botocore with the same clients, and pydantic; with `serves` Powertools' event handler too, with the
    validation of one route; with `seals` the cipher of cryptography.
    """
    began, began_cpu = time.perf_counter(), time.process_time()
    import botocore.session  # noqa: PLC0415 - the import is timed

    session = botocore.session.get_session()
    for name in clients:
        session.create_client(name)
    import pydantic  # noqa: PLC0415

    pydantic.BaseModel  # noqa: B018 - pydantic imports its parts on first use
    if serves:
        from aws_lambda_powertools.event_handler import APIGatewayHttpResolver  # noqa: PLC0415

        APIGatewayHttpResolver(enable_validation=True).get("/")(lambda: None)
    if seals:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        AESGCM(AESGCM.generate_key(256))
    return {
        "import_ms": (time.perf_counter() - began) * 1000,
        "cpu_ms": (time.process_time() - began_cpu) * 1000,
    }


def _watch_clients(made: list[tuple[str, float, float]]) -> None:
    from botocore.session import Session  # noqa: PLC0415 - the handler has imported it

    create = Session.create_client

    def create_and_note(self: Session, service_name: str, *rest: Any, **named: Any) -> object:  # noqa: ANN401 - handed on
        client = create(self, service_name, *rest, **named)
        made.append((service_name, time.perf_counter(), time.process_time()))
        return client

    Session.create_client = create_and_note  # type: ignore[method-assign,assignment] # it takes any arguments


def main() -> None:
    asked = json.load(sys.stdin)
    sys.path.insert(0, asked["folder"])
    answers = sys.stdout
    sys.stdout = sys.stderr  # the handler's log lines
    parts = (
        reference(asked["clients"], serves=asked.get("serves", False), seals=asked.get("seals", False))
        if "clients" in asked
        else handler(asked["module"], asked["event"])
    )
    json.dump(parts, answers)


if __name__ == "__main__":
    main()
