import json
import subprocess
import sys
from pathlib import Path

from scripts.measure import cold_probe
from scripts.measure.coldstart import ColdStart, import_times

REPORT = """\
import time: self [us] | cumulative | imported package
import time:       300 |        300 |   pydantic.types
import time:       200 |        500 | pydantic
import time:       100 |        600 | services.libs.messaging.messages
import time:        50 |        650 | services.order_service.handler
"""


def test_import_times_are_added_up_by_package_and_ours_by_service() -> None:
    assert import_times(REPORT) == {"pydantic": 0.5, "services.libs": 0.1, "services.order_service": 0.05}


def test_the_ratio_is_that_of_import_and_clients_to_the_reference() -> None:
    start = ColdStart("f", 1, 300, 100, 500, 200, 300, 100, ("dynamodb",), 900, 10, {})

    assert (start.ratio, start.cpu_ratio) == (2, 3)


def probe(folder: Path, **asked: object) -> dict[str, object]:
    ended = subprocess.run(
        [sys.executable, "-I", "-B", cold_probe.__file__],
        input=json.dumps({"folder": str(folder), **asked}),
        env={"AWS_DEFAULT_REGION": "eu-west-2", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, object] = json.loads(ended.stdout)
    return answer


def test_the_probe_names_the_clients_that_a_handler_makes_and_hides_what_it_prints(tmp_path: Path) -> None:
    (tmp_path / "its_handler.py").write_text(
        "import boto3\nprint('log')\ndef handler(event, context):\n    boto3.client('sqs')\n    print(event)\n"
    )

    answer = probe(tmp_path, module="its_handler", event={})

    assert answer["clients"] == ["sqs"]
    assert answer["error"] == ""
    assert 0 < float(str(answer["cpu_ms"])) < 60_000
    assert not list(tmp_path.rglob("*.pyc"))


def test_the_probe_tells_how_a_handler_failed(tmp_path: Path) -> None:
    (tmp_path / "its_handler.py").write_text("def handler(event, context):\n    raise ValueError('no')\n")

    assert probe(tmp_path, module="its_handler", event={})["error"] == "ValueError: no"


def test_the_reference_makes_the_clients_it_is_told(tmp_path: Path) -> None:
    assert float(str(probe(tmp_path, clients=["sqs"])["import_ms"])) > 0


def test_the_reference_has_an_event_handler_for_an_api_and_the_cipher_for_a_function_that_seals() -> None:
    code = (
        "import sys; from scripts.measure import cold_probe; cold_probe.reference([], serves=SERVES, seals=SEALS);"
        "print(*(any(part in name for name in sys.modules) for part in ('event_handler', 'ciphers.aead')))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code.replace("SERVES", serves).replace("SEALS", seals)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for serves, seals in (("True", "False"), ("False", "True"))
    ]

    assert found == ["True False\n", "False True\n"]
