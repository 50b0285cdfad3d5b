"""Find the imports of a handler in its source: the project's own modules, and the names of all others."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.cli.errors import UserError


@dataclass
class Imports:
    root: Path
    package: str
    modules: set[Path] = field(default_factory=set)
    """Files of the package, relative to the root."""
    others: dict[str, Path] = field(default_factory=dict)
    """Top-level names from elsewhere, each with a file that imports it."""

    def follow(self, module: str) -> None:
        """Add a module, its packages, and everything that they import in turn."""
        file = self._file(module)
        if file is None:
            raise UserError(f"there is no module {module} below {self.root}")
        *parents, _ = module.split(".")
        for depth in range(1, len(parents) + 1):
            self._add(self._file(".".join(parents[:depth])), ".".join(parents[:depth]))
        self._add(file, module)

    def _add(self, file: Path | None, module: str) -> None:
        if file is None or file in self.modules:
            return
        self.modules.add(file)
        names = _ImportedNames(module if file.name == "__init__.py" else module.rpartition(".")[0])
        names.visit(ast.parse((self.root / file).read_bytes(), str(file)))
        for name in names.found:
            top = name.partition(".")[0]
            if top != self.package:
                self.others.setdefault(top, file)
            elif imported := self._module_of(name):
                self.follow(imported)

    def _module_of(self, name: str) -> str | None:
        """Find the module that a dotted name is, or is defined in."""
        return next((candidate for candidate in _shortened(name) if self._file(candidate)), None)

    def _file(self, module: str) -> Path | None:
        path = Path(*module.split("."))
        candidates = (path.with_suffix(".py"), path / "__init__.py")
        return next((file for file in candidates if (self.root / file).is_file()), None)


class _ImportedNames(ast.NodeVisitor):
    def __init__(self, package: str) -> None:
        self._package = package.split(".")
        self.found: set[str] = set()

    def visit_Import(self, node: ast.Import) -> None:
        self.found.update(alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self._package[: len(self._package) - node.level + 1] if node.level else []
        origin = ".".join([*above, *([node.module] if node.module else [])])
        self.found.update(f"{origin}.{alias.name}" for alias in node.names)

    def visit_If(self, node: ast.If) -> None:
        # Imports for the type checker alone need not exist at run time.
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.generic_visit(node)
        for statement in node.orelse:
            self.visit(statement)


def _shortened(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]
