"""The steps of docs/add-a-service.md: the files that it creates, and its changes of others."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PLACE = re.compile(r"\b(Create|In)\s+`([^`]+)`")
_FENCE = "```"


class PageError(ValueError):
    """The page cannot be followed as it stands."""


@dataclass(frozen=True)
class Step:
    path: str
    block: str
    is_diff: bool

    def follow(self, root: Path) -> None:
        file = root / self.path
        if not self.is_diff:
            if file.exists():
                raise PageError(f"{self.path} is to be created, and exists")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.block, "utf-8")
            return
        if not file.exists():
            raise PageError(f"{self.path} is to be changed, and is missing")
        text = file.read_text("utf-8")
        for before, after in _hunks(self.block):
            if text.count(before) != 1:
                raise PageError(f"{self.path} has this {text.count(before)} times, not once:\n{before}")
            text = text.replace(before, after)
        file.write_text(text, "utf-8")


def steps(page: str) -> Iterator[Step]:
    """Give a step for each block below a file's name; commands that a reader types are none."""
    path, is_created = "", False
    lines = iter(page.splitlines())
    prose: list[str] = []
    for line in lines:
        if not line.startswith(_FENCE):
            prose.append(line)
            continue
        kind = line.removeprefix(_FENCE)
        block = "".join(f"{inner}\n" for inner in iter(lambda: next(lines), _FENCE))
        places = _PLACE.findall("\n".join(prose))
        prose.clear()
        if kind == "sh":
            continue
        if not places:
            raise PageError(f"no file is named above the block that begins {block.partition(chr(10))[0]!r}")
        verb, path = places[-1]
        is_created = verb == "Create"
        if is_created == (kind == "diff"):
            raise PageError(f"{path} is created from a whole file, and changed by a diff")
        yield Step(path, block, is_diff=not is_created)


def _hunks(diff: str) -> Iterator[tuple[str, str]]:
    """What stands in the file, and what is to stand there; a hunk is found by its lines."""
    for hunk in diff.split("@@\n"):
        lines = [line or " " for line in hunk.splitlines()]
        if unknown := [line for line in lines if line[0] not in " +-"]:
            raise PageError(f"{unknown[0]!r} is no line of a diff")
        yield tuple("".join(f"{line[1:]}\n" for line in lines if line[0] in kept) for kept in (" -", " +"))  # type: ignore[misc]
