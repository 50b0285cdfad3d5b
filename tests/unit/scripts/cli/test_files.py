import errno
from pathlib import Path

import pytest

from scripts.cli.files import whole, write_whole


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text("old")

    write_whole(file, "grün")

    assert file.read_text("utf-8") == "grün"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text("old")

    def fill_the_disk() -> None:
        with whole(file) as partial:
            partial.write_text("ne")
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()

    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_one_and_a_device_is_written_to(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "real.json")

    write_whole(link, "new")
    write_whole(Path("/dev/null"), "new")

    assert link.is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"
    assert Path("/dev/null").is_char_device()
