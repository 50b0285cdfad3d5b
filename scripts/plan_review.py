"""Plan a deployment, and write the review of it where a person or a tool wants it."""

from pathlib import Path

from scripts import deployment
from scripts.errors import UserError
from scripts.plan import guard, markdown
from scripts.target import Target


def run(target: Target, *, folder: Path | None, markdown_file: Path | None, json_file: Path | None) -> None:
    """Keep the plan and its review in `folder`, or where `apply` looks for it."""
    named = [(file, write) for file, write in ((markdown_file, markdown.write), (json_file, guard.to_json)) if file]
    for file, _ in named:
        # Before minutes of planning, and so that no older plan's review stays there.
        _write(file, "")
    review = deployment.plan(target, folder)
    for file, write in named:
        _write(file, write(review))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}") from error
