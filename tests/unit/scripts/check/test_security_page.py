import re

import pytest

from scripts.cli.paths import REPO_ROOT

_PAGE = (REPO_ROOT / "docs" / "security.md").read_text()


def named_tests() -> list[tuple[str, str]]:
    """The file and the name of each test that the page names; a name without a file is of the file before it."""
    found, file = [], ""
    for named, name in re.findall(r"`([\w.]*)::(\w+)`", _PAGE):
        file = named or file
        found.append((file, name))
    return found


def test_the_page_names_tests() -> None:
    assert len(named_tests()) > 30


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_each_control_is_shown_by_a_test_that_exists(file: str, name: str) -> None:
    folder = "tests" if file.endswith(".py") else "infra"
    texts = [path.read_text() for path in (REPO_ROOT / folder).rglob(file)]

    assert any(re.search(rf'(def {name}\(|^run "{name}" )', text, re.MULTILINE) for text in texts)
