"""Tables in a pipe and on a terminal."""

import pytest

from scripts.cli.console import print_table, table

NAME = "n" * 250


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    rows = table("queue", "why")
    rows.add_row(NAME, "declined " * 20)
    print_table(rows)
    return capsys.readouterr().out.splitlines()


def test_a_row_is_one_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    heading, row = shown(capsys)

    assert heading.split() == ["queue", "why"]
    assert row.startswith(f"{NAME}  declined")


@pytest.mark.usefixtures("wide_terminal")
def test_a_long_name_is_folded_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys)

    assert len(lines) > 2
    assert max(map(len, lines)) <= 120


@pytest.mark.usefixtures("wide_terminal")
def test_a_cell_that_is_too_wide_for_its_column_is_folded_and_not_truncated(capsys: pytest.CaptureFixture[str]) -> None:
    folded = table("SKU", "name")
    name = "".join(f"{number:04}" for number in range(100))
    folded.add_row("prod-001", name)

    print_table(folded)

    _, *rows = capsys.readouterr().out.splitlines()
    assert "".join(rows).removeprefix("prod-001").replace(" ", "") == name
