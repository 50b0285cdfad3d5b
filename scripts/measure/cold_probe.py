"""One cold start in this fresh interpreter, timed; told by JSON on the standard input, answered by JSON.

Run by the emulator's interpreter, which like the Lambda runtime has boto3, with -I and, unless bytecode is wanted, -B:
/var/task is read-only on AWS, so that what a zip brings as source is compiled again at each cold start.
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
    """Import the handler and call it; clients are those that it makes up to its first response."""
    began = time.perf_counter()
    function = importlib.import_module(module).handler
    imported = time.perf_counter()
    made: list[tuple[str, float]] = []
    _watch_clients(made)
    called = time.perf_counter()
    try:
        function(event, _Context())
    except Exception as error:  # noqa: BLE001 - how it ended is told
        ended = f"{type(error).__name__}: {error}"
    else:
        ended = ""
    answered = time.perf_counter()
    ready = max((at for _, at in made), default=called)
    return {
        "import_ms": (imported - began) * 1000,
        "clients_ms": (ready - called) * 1000,
        "first_response_ms": (imported - began + answered - called) * 1000,
        "clients": [name for name, _ in made],
        "error": ended,
    }


def reference(clients: list[str]) -> _Parts:
    """The least that such a function needs: botocore, the same clients, and pydantic."""
    began = time.perf_counter()
    import botocore.session  # noqa: PLC0415 - it is what is timed

    session = botocore.session.get_session()
    for name in clients:
        session.create_client(name)
    import pydantic  # noqa: PLC0415

    pydantic.BaseModel  # noqa: B018 - pydantic imports its parts on first use
    return {"import_ms": (time.perf_counter() - began) * 1000}


def _watch_clients(made: list[tuple[str, float]]) -> None:
    from botocore.session import Session  # noqa: PLC0415 - the handler has imported it

    create = Session.create_client

    def create_and_note(self: Session, service_name: str, *rest: Any, **named: Any) -> object:  # noqa: ANN401 - handed on
        client = create(self, service_name, *rest, **named)
        made.append((service_name, time.perf_counter()))
        return client

    Session.create_client = create_and_note  # type: ignore[method-assign,assignment] # it takes what there is to take


def main() -> None:
    asked = json.load(sys.stdin)
    sys.path.insert(0, asked["folder"])
    answers = sys.stdout
    sys.stdout = sys.stderr  # what the handler logs
    parts = reference(asked["clients"]) if "clients" in asked else handler(asked["module"], asked["event"])
    json.dump(parts, answers)


if __name__ == "__main__":
    main()
