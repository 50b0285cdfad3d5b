from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _state_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the tasks keep of a deployment out of this checkout."""
    monkeypatch.setattr("scripts.local.emulator.LOCAL_FOLDER", tmp_path / ".local")
    monkeypatch.setattr("scripts.deploy.target.AWS_STATE_FOLDER", tmp_path / ".local" / "aws")
