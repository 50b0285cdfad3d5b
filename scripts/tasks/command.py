"""Make tasks of functions, with messages for mistakes, help for each option, and a list of what the task needs."""

import functools
import inspect
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from scripts.cli.errors import UserError
from scripts.tasks.parsing import EXAMPLES, INSTEAD

if TYPE_CHECKING:
    from scripts.deploy.target import Target

DEPLOYMENT = "a deployment, its name in ENVIRONMENT; with --target aws, AWS credentials too"
PLANNING = "ENVIRONMENT, Terraform, `invoke build` and `invoke bootstrap`; with --target aws, AWS credentials too"
OWN_DEPLOYMENT = "Terraform; it deploys to an embedded AWS of its own"
TARGET = "where it runs: local (the embedded AWS) or aws"

_MOST_DIGITS = 15


def command(
    options: Mapping[str, str] | None = None,
    *,
    needs: str = "",
    example: str = "",
    may_be_empty: Collection[str] = (),
    instead: str = "",
    **settings: Any,  # noqa: ANN401 - invoke's own
) -> Callable[[Callable[..., None]], Any]:
    """Make a task: `options` has the help of each option, and `--help` ends with what the task needs.

    A task that has to be given something has an `example`, as it follows `invoke` on a command line. `instead` is an
    option that may be given instead of positional arguments, which are empty then.
    """

    def make(function: Callable[..., None]) -> Any:  # noqa: ANN401 - invoke's task
        signature = inspect.signature(function)
        helped, taken = set(options or ()), set(list(signature.parameters)[1:])  # the first is invoke's context
        if helped != taken:
            raise TypeError(f"{function.__name__}: {', '.join(sorted(helped ^ taken))} has no help, or is no option")

        must_be_given = taken - set(settings.get("iterable", ()))
        if not example and any(signature.parameters[name].default is inspect.Parameter.empty for name in must_be_given):
            raise TypeError(f"{function.__name__} has to be given something, and has no example")
        EXAMPLES[function.__name__.replace("_", "-")] = example
        if instead:
            INSTEAD[function.__name__.replace("_", "-")] = instead

        @functools.wraps(function)
        def run(*arguments: Any, **named: Any) -> None:  # noqa: ANN401
            from scripts.cli.mistakes import mistakes_explained

            with mistakes_explained():
                _check_given(signature.bind(*arguments, **named).arguments, may_be_empty)
                function(*arguments, **named)

        sections = (inspect.getdoc(function), f"For example: invoke {example}" if example else "", f"Needs {needs}.")
        run.__doc__ = "\n\n".join(filter(None, sections if needs else sections[:2]))
        return task(run, help=dict(options or {}), auto_shortflags=False, **settings)

    return make


def _check_given(options: Mapping[str, object], may_be_empty: Collection[str]) -> None:
    """Refuse an empty value, such as an unset variable of the shell: it would silently mean the default, or all."""
    for name, value in options.items():
        if value == "" and name not in may_be_empty:
            raise UserError(f"--{name.replace('_', '-')} is empty: give a value, or leave it out")


def count(option: str, text: str) -> int:
    # Invoke itself would show a traceback for a text that is no number.
    if not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) < 1:
        shown = text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}…"
        raise UserError(f"--{option} is {shown!r}: give a whole number, 1 or more, of {_MOST_DIGITS} digits at most")
    return int(text)


def path(text: str | None) -> Path | None:
    return Path(text) if text else None


def target_of(name: str) -> "Target":
    from scripts.deploy.target import Target

    return Target.from_environment(name, os.environ)
