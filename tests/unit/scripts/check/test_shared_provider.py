from pathlib import Path

import pytest

from scripts.check.shared_provider import shared_provider
from scripts.cli.errors import UserError


def pretend_provider(folder: Path, script: str) -> None:
    program = folder / "providers/registry/hashicorp/aws/5.100.0/linux_amd64/terraform-provider-aws_v5"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_the_provider_runs_while_it_is_shared_and_no_longer(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    line = "TF_REATTACH_PROVIDERS='{\"hashicorp/aws\":{}}'"
    pretend_provider(
        tmp_path,
        f'[ "$1" = -debug ] || exit\ntrap "touch {ended}; exit" TERM\n'
        f'cat <<"E"\nProvider started.\n\t{line}\nE\nwhile :; do sleep 0.05; done',
    )

    with shared_provider(tmp_path) as attachment:
        assert attachment == '{"hashicorp/aws":{}}'
        assert not ended.exists()

    assert ended.exists()


def test_a_provider_that_does_not_start_is_told(tmp_path: Path) -> None:
    pretend_provider(tmp_path, "exit 1")

    with (
        pytest.raises(UserError, match=r"the provider did not start: all it said is in .*provider\.log"),
        shared_provider(tmp_path),
    ):
        pass
