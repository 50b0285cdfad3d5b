"""Links of the document: whose ETag the `If-Match` of a change takes."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from scripts.check.api_document.operations import Document

_PARAMETER = re.compile(r"\{(\w+)\}")


class _Place(NamedTuple):
    path: str
    method: str
    operation: Document

    @property
    def success(self) -> Document:
        found: Document = next(answer for status, answer in self.operation["responses"].items() if status < "300")
        return found

    @property
    def takes_version(self) -> bool:
        return any(each["name"] == "If-Match" for each in self.operation.get("parameters", []))


def add_links(paths: Document) -> None:
    """Link each read to the changes below its path, by its ETag and the parameters of both."""
    places = [_Place(path, method, one) for path, methods in paths.items() for method, one in methods.items()]
    for read in places:
        if read.method == "get" and "ETag" in read.success.get("headers", {}):
            links = dict(_changes(read, places))
            if links:
                read.success["links"] = links


def _changes(read: _Place, places: list[_Place]) -> Iterator[tuple[str, Any]]:
    known = _PARAMETER.findall(read.path)
    for change in places:
        is_below = change.path == read.path or change.path.startswith(f"{read.path}/")
        if is_below and change.takes_version:
            parameters = {f"path.{name}": f"$request.path.{name}" for name in known}
            name = change.operation["operationId"]
            yield (
                name,
                {"operationId": name, "parameters": {**parameters, "header.If-Match": "$response.header.ETag"}},
            )
