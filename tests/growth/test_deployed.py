"""The service that docs/add-a-service.md adds, deployed to an embedded AWS of its own from the copy of the tree."""

import shutil
from pathlib import Path

from tests.growth.conftest import Tree

_CHECKS = ("grown_service", "declarations", "wiring", "operator_tools", "iam")


def test_it_is_wired_answers_and_is_operated_as_the_others_are(grown: Tree) -> None:
    grown.python("invoke", "events", "monitor.dashboards")
    suite = grown.root / "tests" / "integration"
    shutil.copy(Path(__file__).with_name("grown_service.py"), suite / "test_grown_service.py")

    files = [f"tests/integration/test_{name}.py" for name in _CHECKS]
    grown.python("pytest", "-q", *files, environ={"PULSEQUEUE_INSTANCE": "growth", "PULSEQUEUE_PORT": "0"})
