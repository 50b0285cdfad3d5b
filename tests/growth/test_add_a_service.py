"""docs/add-a-service.md, followed to the letter in a copy of the tree: all else there is follows from its steps."""

import sys
import zipfile
from pathlib import Path

import pytest

from tests.growth.conftest import PAGE, Tree, copied
from tests.growth.steps import PageError, Step, steps

_MOST_FILES = 12
_GENERATED = ("docs/events/", "infra/monitoring/grafana/")
# Those that guard what is declared, and what a new service brings.
_GUARDS = (
    "tests/unit/events",
    "tests/unit/test_docs.py",
    "tests/unit/scripts/test_lambdas_config.py",
    "tests/unit/scripts/check/test_lifecycle_page.py",
    "tests/unit/scripts/monitor/test_dashboards.py",
    "tests/unit/services/test_events.py",
    "tests/unit/services/test_lifecycle.py",
    "tests/unit/services/test_commit_items.py",
    "tests/unit/services/test_golden_commits.py",
    "tests/unit/services/test_loyalty_service.py",
)
_TYPED = (
    "services/loyalty_service",
    "services/shared",
    "tests/unit/services/every_commit.py",
    "tests/unit/services/test_loyalty_service.py",
    "tests/integration/test_iam.py",
)


@pytest.fixture(scope="module")
def written(grown: Tree) -> Tree:
    """The copy once `invoke events monitor.dashboards` has run too."""
    by_hand = {step.path for step in grown.steps}
    assert grown.changed() == by_hand
    grown.python("invoke", "events", "monitor.dashboards")
    assert {path for path in grown.changed() - by_hand if not path.startswith(_GENERATED)} == set()
    return grown


def test_the_page_takes_few_files_and_each_once(grown: Tree) -> None:
    paths = [step.path for step in grown.steps]

    assert len(paths) == len(set(paths)) <= _MOST_FILES


def test_the_documents_of_the_events_have_it(written: Tree) -> None:
    document = (written.root / "docs/events/asyncapi.yaml").read_text("utf-8")

    assert (written.root / "docs/events/schemas/PointsAwarded.v1.json").exists()
    assert "loyalty-service.receives.order-bus" in document
    assert "loyalty-service.sends.order-bus" in document


def test_style_and_types_are_right(written: Tree) -> None:
    written.python("ruff", "check")
    written.python("ruff", "format", "--check")
    written.python("invoke", "events", "--check")
    written.python("invoke", "monitor.dashboards", "--check")
    written.python("mypy", *_TYPED)


def test_the_tests_that_guard_declarations_pass(written: Tree) -> None:
    written.python("pytest", "-q", *_GUARDS)


def test_a_zip_is_built_that_holds_what_it_imports(written: Tree) -> None:
    written.python("invoke", "build")

    with zipfile.ZipFile(written.root / "dist/local/loyalty_service.zip") as archive:
        services = {name.split("/")[1] for name in archive.namelist() if name.startswith("services/")}
    assert services == {"__init__.py", "libs", "shared", "loyalty_service"}


def test_a_step_whose_lines_are_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\n")

    with pytest.raises(PageError, match=r"a\.py has this 0 times, not once:\nthree"):
        Step("a.py", " three\n+four\n", is_diff=True).follow(tmp_path)
    with pytest.raises(PageError, match=r"a\.py is to be created, and exists"):
        Step("a.py", "", is_diff=False).follow(tmp_path)


def test_a_block_without_a_file_is_named() -> None:
    with pytest.raises(PageError, match="no file is named above"):
        list(steps("Some words.\n\n```python\nx = 1\n```\n"))


# What a reader may forget, and what tells of it.
_FORGOTTEN = {
    "docs/events.md": "test_the_declared_events_are_the_documented_table",
    "tests/unit/services/every_commit.py": "test_every_form_of_a_commit_that_a_life_cycle_declares_is_among_them",
    "tests/unit/services/test_loyalty_service.py": "test_each_service_has_unit_tests_of_its_own",
    "tests/golden/commits/points-awarded-move-stated.json": "test_each_event_that_is_published_is_a_golden_one",
}


def test_each_forgotten_step_is_told_by_a_guard(tmp_path: Path) -> None:
    tree = copied(tmp_path)
    for step in steps(PAGE.read_text("utf-8")):
        if step.path not in _FORGOTTEN:
            step.follow(tree.root)

    guards = [guard for guard in _GUARDS if (tree.root / guard).exists()]
    told = tree.ended(sys.executable, "-m", "pytest", "-q", *guards).stdout

    assert {path: guard for path, guard in _FORGOTTEN.items() if guard not in told} == {}
