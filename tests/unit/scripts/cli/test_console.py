import pytest

from scripts.cli.console import print_table, table


def test_a_cell_that_is_too_wide_for_its_column_is_folded_and_not_truncated(capsys: pytest.CaptureFixture[str]) -> None:
    shown = table("SKU", "name")
    name = "".join(f"{number:04}" for number in range(100))
    shown.add_row("prod-001", name)

    print_table(shown)

    _, *rows = capsys.readouterr().out.splitlines()
    assert "".join(rows).removeprefix("prod-001").replace(" ", "") == name
