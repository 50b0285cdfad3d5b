"""Plan a deployment, and write the review of it where a person or a tool wants it."""

from pathlib import Path

from scripts.cli.json_files import check_writable
from scripts.deploy import deployment
from scripts.deploy.plan import guard, markdown
from scripts.deploy.target import Target


def run(target: Target, *, folder: Path | None, markdown_file: Path | None, json_file: Path | None) -> None:
    """Keep the plan and its review in `folder`, or where `apply` looks for it."""
    named = [(file, write) for file, write in ((markdown_file, markdown.write), (json_file, guard.to_json)) if file]
    for file, _ in named:
        check_writable(file)
        file.write_text("")  # no older plan's review stays there
    review = deployment.plan(target, folder)
    for file, write in named:
        file.write_text(write(review), encoding="utf-8")
