"""One process at a time changes a deployment: plan, apply and the like share Terraform's working files."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from scripts.cli.locks import exclusive
from scripts.deploy.target import Target

P = ParamSpec("P")
R = TypeVar("R")


def turn(target: Target) -> AbstractContextManager[None]:
    """Hold the deployment; another process of this machine says for which it waits."""
    lock_file = target.state_folder.with_name(f".{target.environment}.lock")
    return exclusive(lock_file, f"{target.environment} on {target.name}")


def one_at_a_time(change: Callable[Concatenate[Target, P], R]) -> Callable[Concatenate[Target, P], R]:
    @wraps(change)
    def change_in_turn(target: Target, /, *arguments: P.args, **options: P.kwargs) -> R:
        with turn(target):
            return change(target, *arguments, **options)

    return change_in_turn
